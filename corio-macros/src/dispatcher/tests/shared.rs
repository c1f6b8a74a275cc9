//! Tests of `shared`: how a hub answers.

use super::implementation;
use crate::testing::assert_items;
use quote::ToTokens;

#[track_caller]
fn check(options: &str, item: &str, expected: &str) {
    assert_items(implementation(options, item, "SharedDispatch").into_token_stream(), expected);
}

#[test]
fn pieces_come_from_the_context_of_the_hub() {
    check(
        "shared",
        "fn fetch(db: &Db, ids: &[Id]) -> Vec<Author> {}",
        "
        impl<__H: ::corio::Provide<Db> + ::core::marker::Send + ::core::marker::Sync + 'static>
            ::corio::SharedDispatch<__H> for fetch
        {
            type Part = ();
            #[allow(unused_variables)]
            fn dispatch_shared<'r>(
                context: &'r __H,
                part: &'r Self::Part,
                requests: ::corio::Requests<'_, 'r, Self>,
            ) {
                requests.answer::<Vec<Author>>(|keys|
                    Self::batch(::corio::Provide::<Db>::provide(context), keys))
            }
        }
        ",
    );
}

#[test]
fn what_by_gives_comes_from_the_asker_and_the_future_is_send() {
    check(
        "shared, by = |tenant: &Tenant| tenant.clone()",
        "async fn fetch(db: &Db, tenant: &Tenant, ids: &[Id]) -> Vec<Author> {}",
        "
        impl<
            __F: 'static + ::core::marker::Send,
            __H: ::corio::Provide<Db> + ::core::marker::Send + ::core::marker::Sync + 'static
        > ::corio::SharedDispatch<__H> for fetch<__F> {
            type Part = Tenant;
            #[allow(unused_variables)]
            fn dispatch_shared<'r>(
                context: &'r __H,
                part: &'r Self::Part,
                requests: ::corio::Requests<'_, 'r, Self>,
            ) {
                let __piece_0: &'r Db = ::corio::Provide::<Db>::provide(context);
                let __piece_1: &'r Tenant = part;
                let answer = move |keys: ::corio::Keys<Self>| async move {
                    let answers = <fetch>::batch(__piece_0, __piece_1, &keys).await;
                    ::corio::Keys::answer::<Vec<Author>>(keys, answers)
                };
                requests.answer_async(answer)
            }
        }
        ",
    );
}

#[test]
fn several_pieces_are_a_tuple_and_slots_with_faults_are_wrapped() {
    check(
        "shared, faults = \"error\", by = |a: &A, b: &B| (a.clone(), b.clone())",
        "async fn fetch(b: &B, batch: Batch<Id, Author>) {}",
        "
        impl<
            __F: 'static + ::core::marker::Send,
            __H: ::core::marker::Send + ::core::marker::Sync + 'static,
        >
            ::corio::SharedDispatch<__H> for fetch<__F>
        {
            type Part = (A, B);
            #[allow(unused_variables)]
            fn dispatch_shared<'r>(
                context: &'r __H,
                part: &'r Self::Part,
                requests: ::corio::Requests<'_, 'r, Self>,
            ) {
                let __piece_0: &'r B = &part.1;
                let answer = move |batch| async move { <fetch>::batch(__piece_0, batch).await };
                unsafe {
                    ::corio::__private::batch_async_send(
                        requests,
                        ::corio::__private::plain_answer,
                        answer
                    )
                }
            }
        }
        ",
    );
}

#[test]
fn the_type_of_the_part_may_be_written() {
    let shared = implementation(
        "shared, by = |tenant: &Tenant| -> u64 { tenant.id }",
        "fn fetch(tenant: &u64, ids: &[Id]) -> Vec<Author> {}",
        "SharedDispatch",
    );
    assert_items(shared.items[0].to_token_stream(), "type Part = u64;");
    let partition = implementation(
        "shared, by = |tenant: &Tenant| -> u64 { tenant.id }",
        "fn fetch(tenant: &u64, ids: &[Id]) -> Vec<Author> {}",
        "Dispatch",
    );
    assert_items(
        partition.items[1].to_token_stream(),
        "
        fn partition(context: &__S) -> ::core::option::Option<::corio::Partition> {
            let by = |tenant: &Tenant| -> u64 { tenant.id };
            ::core::option::Option::Some(::corio::Partition::of::<u64>(
                by(::corio::Provide::<Tenant>::provide(context))
            ))
        }
        ",
    );
}
