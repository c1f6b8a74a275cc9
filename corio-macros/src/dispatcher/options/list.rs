//! The syntax of a list of options, that of the attribute and that within `retry(…)`: arguments
//! between commas, some with a value.
//!
//! Invariant: a mistake in one argument hides none in another, and each is reported once.

use crate::errors::Errors;
use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use std::slice;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Token, token};

/// The options that exist, and how each is spelled.
pub(in crate::dispatcher) struct KnownOptions<Name: 'static> {
    pub(super) names: &'static [(&'static str, Name)],
    /// Spellings that stand for several options, or for one option under a more telling name.
    pub(super) shorthands: &'static [(&'static str, &'static [Name])],
}

/// An argument as written.
pub(in crate::dispatcher) struct Arg<Name: 'static> {
    pub(in crate::dispatcher) name: Ident,
    /// The options that the argument sets: one, or those that a shorthand stands for.
    pub(in crate::dispatcher) sets: &'static [Name],
    pub(super) value: Value,
}

/// The value of an argument.
pub(super) enum Value {
    None,
    /// An expression: `= 500`.
    Is(Token![=], Expr),
    /// A list in parentheses: `(attempts = 5)`.
    List(Group),
}

/// The arguments that could be read, in order. No two of them set the same option.
pub(in crate::dispatcher) struct Args<Name: 'static> {
    pub(in crate::dispatcher) parsed: Vec<Arg<Name>>,
    /// Whether every argument could be read. If not, an option that seems to be missing may be one
    /// that could not.
    pub(in crate::dispatcher) complete: bool,
}

impl<Name: Copy + PartialEq> KnownOptions<Name> {
    /// Reads a list, and reports the arguments that are a mistake.
    pub(super) fn read(&self, list: TokenStream, errors: &mut Errors) -> Args<Name> {
        let mut args = Args { parsed: Vec::new(), complete: true };
        let all = |input: ParseStream| {
            while !input.is_empty() {
                if let Err(error) = self.arg(input, &mut args) {
                    errors.add(error);
                    args.complete = false;
                    skip_to_comma(input)?;
                }
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(())
        };
        if let Err(error) = all.parse2(list) {
            errors.add(error);
        }
        args
    }

    /// Reads one argument and appends it to `args`.
    fn arg(&self, input: ParseStream, args: &mut Args<Name>) -> syn::Result<()> {
        let name = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(error.span(), format!("expected an option: {}", self.known()))
        })?;
        let value = Value::read(input, &name)?;
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error("expected `,` between options"));
        }
        let text = name.to_string();
        let shorthand =
            self.shorthands.iter().find(|(short, _)| text == *short).map(|(_, sets)| *sets);
        let itself =
            self.names.iter().find(|(arg, _)| text == *arg).map(|(_, name)| slice::from_ref(name));
        let Some(sets) = shorthand.or(itself) else {
            return Err(syn::Error::new(name.span(), self.unknown(&text)));
        };
        if let Some(earlier) =
            args.parsed.iter().find(|earlier| earlier.sets.iter().any(|name| sets.contains(name)))
        {
            return Err(syn::Error::new(name.span(), self.twice(earlier, &text, sets)));
        }
        if shorthand.is_some() {
            value.refuse(&name)?;
        }
        args.parsed.push(Arg { name, sets, value });
        Ok(())
    }

    /// The message for an option that is set by two arguments.
    fn twice(&self, earlier: &Arg<Name>, later: &str, sets: &[Name]) -> String {
        let earlier_text = earlier.name.to_string();
        if earlier_text == later {
            return format!("`{later}` is given twice");
        }
        let (short, long) = if self.shorthands.iter().any(|(short, _)| later == *short) {
            (later, sets)
        } else {
            (&*earlier_text, earlier.sets)
        };
        let both = earlier
            .sets
            .iter()
            .find(|name| sets.contains(name))
            .map_or(later, |name| self.spelling(*name));
        let long: Vec<&str> = long.iter().map(|name| self.spelling(*name)).collect();
        format!("`{both}` is given twice: `{short}` is short for `{}`", long.join(", "))
    }

    /// How an option is spelled.
    fn spelling(&self, name: Name) -> &'static str {
        self.names.iter().find(|(_, arg)| *arg == name).map_or("", |(text, _)| text)
    }

    /// The message for an option that does not exist.
    fn unknown(&self, text: &str) -> String {
        match self.nearest(text) {
            Some(nearest) => format!("there is no option `{text}`: did you mean `{nearest}`?"),
            None => format!("there is no option `{text}`; there are {}", self.known()),
        }
    }

    /// The spelling that is nearest to `text`, if it is near enough to be meant.
    fn nearest(&self, text: &str) -> Option<&'static str> {
        let distance = |known: &str| strsim::damerau_levenshtein(text, known);
        // rustc's own limit: a third of the letters.
        self.texts()
            .min_by_key(|known| distance(known))
            .filter(|known| distance(known) <= text.chars().count().max(3) / 3)
    }

    /// All spellings, for a message.
    fn known(&self) -> String {
        let texts: Vec<&str> = self.texts().collect();
        format!("`{}`", texts.join("`, `"))
    }

    /// All spellings, shorthands last.
    fn texts(&self) -> impl Iterator<Item = &'static str> {
        self.names
            .iter()
            .map(|(text, _)| *text)
            .chain(self.shorthands.iter().map(|(text, _)| *text))
    }
}

impl<Name: PartialEq> Args<Name> {
    /// The argument that sets this option.
    pub(in crate::dispatcher) fn find(&self, name: Name) -> Option<&Arg<Name>> {
        self.parsed.iter().find(|arg| arg.sets.contains(&name))
    }
}

impl Value {
    /// Reads the value after a name, if there is one.
    fn read(input: ParseStream, name: &Ident) -> syn::Result<Self> {
        if input.peek(token::Paren) {
            return match input.parse()? {
                TokenTree::Group(list) => Ok(Value::List(list)),
                other => Err(syn::Error::new(other.span(), "expected `(`")),
            };
        }
        if !input.peek(Token![=]) {
            return Ok(Value::None);
        }
        let equals: Token![=] = input.parse()?;
        if input.is_empty() || input.peek(Token![,]) {
            return Err(syn::Error::new(
                equals.spans[0],
                format!("the value of `{name}` is missing"),
            ));
        }
        Ok(Value::Is(equals, input.parse()?))
    }

    /// Refuses a value, for an argument that takes none.
    pub(super) fn refuse(&self, name: &Ident) -> syn::Result<()> {
        let at = match self {
            Value::None => return Ok(()),
            Value::Is(equals, _) => equals.spans[0],
            Value::List(list) => list.span(),
        };
        Err(syn::Error::new(at, format!("`{name}` takes no value")))
    }
}

/// Skips the rest of an argument that is a mistake.
fn skip_to_comma(input: ParseStream) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
