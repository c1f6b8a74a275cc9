//! Tests of which fields become pieces.

use super::context;
use crate::testing::{assert_items, assert_messages, tokens};

/// The expected impl of `Provide<piece>`, which returns `field`.
fn provide(header: &str, piece: &str, name: &str, field: &str) -> String {
    let returned =
        if piece.starts_with("dyn") { format!("({piece} + 'static)") } else { piece.to_owned() };
    format!(
        "#[automatically_derived] impl{header} ::corio::Provide<{piece} > for {name} {{ fn \
         provide(&self) -> &{returned} {{ &self.{field} }} }}"
    )
}

/// The expected impl of `AsContext`.
fn as_context(header: &str, name: &str) -> String {
    format!(
        "#[automatically_derived] impl{header} ::corio::AsContext for {name} {{ type Context = \
         Self; fn as_context(&self) -> &Self {{ self }} }}"
    )
}

#[test]
fn fields_and_what_they_point_to() {
    let expected = [
        provide("", "Db", "Library", "db"),
        provide("", "Arc<Cache>", "Library", "cache"),
        provide("", "Cache", "Library", "cache"),
        provide("", "Box<dyn Clock>", "Library", "clock"),
        provide("", "dyn Clock", "Library", "clock"),
        as_context("", "Library"),
    ];
    let source = "struct Library { db: Db, cache: Arc<Cache>, clock: Box<dyn Clock>, \
                  #[provide(skip)] replica: Db }";
    assert_items(context(tokens(source)), &expected.concat());
}

#[test]
fn generic_fields_only_where_asked_for() {
    let (header, name) = ("<'a, T: Clone>", "Cx<'a, T>");
    let expected = [
        provide(header, "&'a Db", name, "0"),
        provide(header, "Db", name, "0"),
        provide(header, "Wrapped<T>", name, "2"),
        provide(header, "&'a dyn Clock", name, "3"),
        as_context(header, name),
    ];
    let source = "struct Cx<'a, T: Clone>(&'a Db, T, #[provide] Wrapped<T>, &'a dyn Clock);";
    assert_items(context(tokens(source)), &expected.concat());
}

#[test]
fn what_is_refused() {
    assert_messages(
        context(tokens(
            "struct Two { a: Db, b: std::sync::Arc<Db>, #[provide(skp)] c: u8, #[provide = 3] d: \
             u16, #[provide()] e: u32 }",
        )),
        &[
            "two fields of type `Db`: a dispatcher could not tell them apart; give one a newtype \
             or `#[provide(skip)]`",
            "expected `#[provide(skip)]`, for a field that is no piece, or `#[provide]`, for one \
             of a generic type that is",
            "`provide` takes no value: `#[provide(skip)]` or `#[provide]`",
            "expected `#[provide(skip)]`, for a field that is no piece, or `#[provide]`, for one \
             of a generic type that is",
        ],
    );
    assert_messages(
        context(tokens("enum E {}")),
        &["a context is a struct: its fields are the pieces"],
    );
    assert_messages(
        context(tokens("union U { a: u8 }")),
        &["a context is a struct: its fields are the pieces"],
    );
}
