//! The fallback that is emitted for a dispatcher with mistakes: its uses give no second error.

use crate::dispatcher::model::Keys;
use crate::function::Function;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;

/// Writes a request whose answer type holds the first mistake, as the length of an array. That
/// makes the type erroneous, and rustc accepts an erroneous type in place of any other. The
/// function is kept, so that its body is checked.
pub(super) fn expand(
    function: &Function,
    keys: Option<&Keys>,
    mistake: Option<syn::Error>,
) -> TokenStream {
    let Function { attributes, visibility, signature, body } = function;
    let name = &signature.ident;
    let text = name.unraw().to_string();
    let mut batch = signature.clone();
    batch.ident = Ident::new("batch", name.span());
    let mistake = mistake.map(|mistake| mistake.to_compile_error());
    let parameter = match keys {
        // The type of a key may name the function's type parameters, which the fallback lacks.
        Some(keys) if signature.generics.params.is_empty() => {
            let key = keys.key();
            quote!(_: #key)
        }
        // Without parameters, the uses pass no key.
        None if signature.inputs.is_empty() => quote!(),
        _ => quote!(_: impl ::core::marker::Sized),
    };
    quote! {
        #[allow(non_camel_case_types, missing_docs, dead_code)]
        #visibility struct #name {}

        #[allow(missing_docs, dead_code)]
        #visibility fn #name(#parameter) -> #name {
            #name {}
        }

        #[allow(missing_docs, dead_code, unused_variables)]
        impl #name {
            #(#attributes)*
            #visibility #batch #body
        }

        impl ::corio::Request for #name {
            type Key = ();
            type Answer = [(); #mistake];
            const OPTIONS: ::corio::Options<Self::Key, Self::Answer> = ::corio::Options::new();

            fn name() -> &'static str {
                #text
            }

            fn into_key(self) -> Self::Key {}
        }

        impl<__S> ::corio::Dispatch<__S> for #name {
            fn dispatch<'r>(_: &'r __S, _: ::corio::Requests<'_, 'r, Self>) {}
        }

        // Whether or not it is `shared`; the erroneous type goes for any part.
        impl<__H> ::corio::SharedDispatch<__H> for #name {
            type Part = <Self as ::corio::Request>::Answer;

            fn dispatch_shared<'r>(
                _: &'r __H,
                _: &'r Self::Part,
                _: ::corio::Requests<'_, 'r, Self>,
            ) {
            }
        }
    }
}
