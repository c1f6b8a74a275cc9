//! Rewriting of plain tokens: finds `io ! (…)` wherever it stands, and leaves everything else as it
//! is.

use super::Rewriter;
use super::names::{Invocation, is_punct};
use proc_macro2::{Group, TokenStream, TokenTree};

impl Rewriter<'_> {
    /// Rewrites each invocation in these tokens, at any depth.
    pub(super) fn tokens(&mut self, stream: TokenStream) -> TokenStream {
        self.behind(|inner| replace(stream, &mut |invocation| inner.invocation(invocation)))
    }
}

/// Puts what `with` gives in place of each invocation in these tokens, at any depth.
fn replace(stream: TokenStream, with: &mut dyn FnMut(Invocation) -> TokenStream) -> TokenStream {
    let mut replaced = TokenStream::new();
    for piece in pieces(stream) {
        match piece {
            Piece::Invocation(invocation) => replaced.extend(with(invocation)),
            Piece::Group(group) => {
                let mut inner = Group::new(group.delimiter(), replace(group.stream(), with));
                inner.set_span(group.span());
                replaced.extend([TokenTree::Group(inner)]);
            }
            Piece::Token(token) => replaced.extend([token]),
        }
    }
    replaced
}

/// The first invocation of one of our macros in these tokens, at any depth.
pub(super) fn mention(stream: TokenStream) -> Option<Invocation> {
    pieces(stream).into_iter().find_map(|piece| match piece {
        Piece::Invocation(invocation) => Some(invocation),
        Piece::Group(group) => mention(group.stream()),
        Piece::Token(_) => None,
    })
}

/// Whether a `.await` stands in these tokens, at any depth.
pub(super) fn awaits(stream: TokenStream) -> bool {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    tokens.windows(2).any(|pair| {
        is_punct(pair.first(), '.') && matches!(&pair[1], TokenTree::Ident(name) if name == "await")
    }) || tokens
        .iter()
        .any(|token| matches!(token, TokenTree::Group(group) if awaits(group.stream())))
}

enum Piece {
    Invocation(Invocation),
    Group(Group),
    Token(TokenTree),
}

/// These tokens, with the invocations among them recognised; groups are not looked into.
fn pieces(stream: TokenStream) -> Vec<Piece> {
    let tokens: Vec<TokenTree> = stream.into_iter().collect();
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if let Some((invocation, length)) = Invocation::from_tokens(&tokens, at) {
            pieces.push(Piece::Invocation(invocation));
            at += length;
            continue;
        }
        pieces.push(match tokens[at].clone() {
            TokenTree::Group(group) => Piece::Group(group),
            token => Piece::Token(token),
        });
        at += 1;
    }
    pieces
}
