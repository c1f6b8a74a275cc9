//! Rewriting of plain tokens: replaces `io ! (…)` at any depth, and keeps all other tokens.

use super::names::{Invocation, is_punct};
use super::rewriter::Rewriter;
use proc_macro2::{Group, TokenStream, TokenTree};

impl Rewriter<'_> {
    /// Rewrites each invocation in these tokens, at any depth.
    pub(super) fn tokens(&mut self, stream: TokenStream) -> TokenStream {
        self.opaquely(|inner| replace(stream, &mut |invocation| inner.invocation(invocation)))
    }
}

/// Replaces each invocation in these tokens, at any depth, by what `with` returns for it.
fn replace(stream: TokenStream, with: &mut dyn FnMut(Invocation) -> TokenStream) -> TokenStream {
    let mut replaced = TokenStream::new();
    for fragment in fragments(stream) {
        match fragment {
            Fragment::Invocation(invocation) => replaced.extend(with(invocation)),
            Fragment::Group(group) => {
                let mut inner = Group::new(group.delimiter(), replace(group.stream(), with));
                inner.set_span(group.span());
                replaced.extend([TokenTree::Group(inner)]);
            }
            Fragment::Token(token) => replaced.extend([token]),
        }
    }
    replaced
}

/// The first invocation of one of our macros in these tokens, at any depth.
pub(super) fn first_invocation(stream: TokenStream) -> Option<Invocation> {
    fragments(stream).into_iter().find_map(|fragment| match fragment {
        Fragment::Invocation(invocation) => Some(invocation),
        Fragment::Group(group) => first_invocation(group.stream()),
        Fragment::Token(_) => None,
    })
}

/// Whether a `.await` stands in these tokens, at any depth.
pub(super) fn contains_await(stream: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    tokens.windows(2).any(|pair| {
        is_punct(pair.first(), '.') && matches!(&pair[1], TokenTree::Ident(name) if name == "await")
    }) || tokens
        .iter()
        .any(|token| matches!(token, TokenTree::Group(group) if contains_await(group.stream())))
}

/// A part of a token stream.
enum Fragment {
    Invocation(Invocation),
    Group(Group),
    Token(TokenTree),
}

/// Splits tokens into fragments, without looking into groups.
fn fragments(stream: TokenStream) -> Vec<Fragment> {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut fragments = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if let Some((invocation, length)) = Invocation::from_tokens(&tokens, at) {
            fragments.push(Fragment::Invocation(invocation));
            at += length;
            continue;
        }
        fragments.push(match tokens[at].clone() {
            TokenTree::Group(group) => Fragment::Group(group),
            token => Fragment::Token(token),
        });
        at += 1;
    }
    fragments
}
