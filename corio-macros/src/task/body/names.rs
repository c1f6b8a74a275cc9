//! The names of the constructs, and how an invocation is recognised: `io!(..)`, `corio::io!(..)`
//! and `::corio::io!(..)`.

use proc_macro2::extra::DelimSpan;
use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use syn::{Macro, Path};

/// One of the macros that a task can use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Construct {
    Io,
    IoAll,
    Call,
    Spawn,
    Wait,
    Join,
    TryJoin,
    All,
    TryAll,
    ForEach,
    TryForEach,
    Race,
    Timeout,
    Context,
    Task,
}

impl Construct {
    fn from_name(name: &Ident) -> Option<Self> {
        const ALL: [Construct; 15] = {
            use Construct::*;
            [
                Io, IoAll, Call, Spawn, Wait, Join, TryJoin, All, TryAll, ForEach, TryForEach,
                Race, Timeout, Context, Task,
            ]
        };
        ALL.into_iter().find(|construct| name == construct.name())
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Construct::Io => "io",
            Construct::IoAll => "io_all",
            Construct::Call => "call",
            Construct::Spawn => "spawn",
            Construct::Wait => "wait",
            Construct::Join => "join",
            Construct::TryJoin => "try_join",
            Construct::All => "all",
            Construct::TryAll => "try_all",
            Construct::ForEach => "for_each",
            Construct::TryForEach => "try_for_each",
            Construct::Race => "race",
            Construct::Timeout => "timeout",
            Construct::Context => "context",
            Construct::Task => "task",
        }
    }
}

/// One use of a construct, from a syntax tree or from plain tokens.
pub(super) struct Invocation {
    pub(super) construct: Construct,
    /// The span of the construct's name, where mistakes are shown.
    pub(super) span: Span,
    pub(super) delimiters: DelimSpan,
    pub(super) arguments: TokenStream,
}

impl Invocation {
    /// Reads a macro of a syntax tree; `None` if it is not a construct.
    pub(super) fn from_macro(mac: &Macro) -> Option<Self> {
        let name = bare_name(&mac.path)?;
        Some(Invocation {
            construct: Construct::from_name(name)?,
            span: name.span(),
            delimiters: *mac.delimiter.span(),
            arguments: mac.tokens.clone(),
        })
    }

    /// Reads the invocation that begins at `tokens[at]`, and returns it with its number of tokens;
    /// `None` if no invocation begins there.
    pub(super) fn from_tokens(tokens: &[TokenTree], at: usize) -> Option<(Self, usize)> {
        let (before, tokens) = tokens.split_at(at);
        let skipped = crate_prefix(tokens);
        // `other::io!(..)` and `other::corio::io!(..)` are macros of another crate.
        let in_path = ends_in_colons(before);
        let after_name = matches!(before.last(), Some(TokenTree::Ident(_)));
        if in_path || after_name && starts_with_colons(tokens) {
            return None;
        }
        let [TokenTree::Ident(name), TokenTree::Punct(bang), TokenTree::Group(group), ..] =
            &tokens[skipped..]
        else {
            return None;
        };
        if bang.as_char() != '!' || group.delimiter() == Delimiter::None {
            return None;
        }
        let invocation = Invocation {
            construct: Construct::from_name(name)?,
            span: name.span(),
            delimiters: group.delim_span(),
            arguments: group.stream(),
        };
        Some((invocation, skipped + 3))
    }
}

/// The `io` of `io`, `corio::io` and `::corio::io`.
fn bare_name(path: &Path) -> Option<&Ident> {
    let last = &path.segments.last()?.ident;
    match path.segments.len() {
        1 if path.leading_colon.is_none() => Some(last),
        2 if path.segments[0].ident == "corio" => Some(last),
        _ => None,
    }
}

/// The number of tokens that `corio::` or `::corio::` takes up at the start of `tokens`.
fn crate_prefix(tokens: &[TokenTree]) -> usize {
    let leading = if starts_with_colons(tokens) { 2 } else { 0 };
    match tokens.get(leading) {
        Some(TokenTree::Ident(name))
            if name == "corio" && starts_with_colons(&tokens[leading + 1..]) =>
        {
            leading + 3
        }
        _ => 0,
    }
}

fn starts_with_colons(tokens: &[TokenTree]) -> bool {
    is_punct(tokens.first(), ':') && is_punct(tokens.get(1), ':')
}

fn ends_in_colons(tokens: &[TokenTree]) -> bool {
    tokens.len() >= 2 && starts_with_colons(&tokens[tokens.len() - 2..])
}

pub(super) fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}
