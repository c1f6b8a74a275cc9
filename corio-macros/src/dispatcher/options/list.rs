//! The syntax that options share, those within `retry(…)` too: words between commas, some with a
//! value.
//!
//! What must hold: a mistake in one word does not hide those in the others, and each is reported
//! once.

use crate::errors::Errors;
use proc_macro2::{Group, Ident, TokenStream, TokenTree};
use std::slice;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, Token, token};

/// The words that there are, and what each says.
pub(in crate::dispatcher) struct Vocabulary<Name: 'static> {
    pub(super) words: &'static [(&'static str, Name)],
    /// Those that stand for several others, or for one under a name that says more.
    pub(super) short_forms: &'static [(&'static str, &'static [Name])],
}

/// A word as it was given.
pub(in crate::dispatcher) struct Word<Name: 'static> {
    pub(in crate::dispatcher) written: Ident,
    pub(in crate::dispatcher) says: &'static [Name],
    pub(super) value: Value,
}

pub(super) enum Value {
    None,
    /// `= 500`
    Is(Token![=], Expr),
    /// `(attempts = 5)`
    List(Group),
}

/// The words of a list, in the order in which they were given, each once.
pub(in crate::dispatcher) struct Words<Name: 'static> {
    pub(in crate::dispatcher) given: Vec<Word<Name>>,
    /// Whether each could be made out. If not, one that seems to be missing may be the one that
    /// could not.
    pub(in crate::dispatcher) complete: bool,
}

impl<Name: Copy + PartialEq> Vocabulary<Name> {
    pub(super) fn read(&self, list: TokenStream, errors: &mut Errors) -> Words<Name> {
        let mut words = Words { given: Vec::new(), complete: true };
        let all = |input: ParseStream| {
            while !input.is_empty() {
                if let Err(error) = self.word(input, &mut words) {
                    errors.add(error);
                    words.complete = false;
                    skip_to_comma(input)?;
                }
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(())
        };
        if let Err(error) = all.parse2(list) {
            errors.add(error);
        }
        words
    }

    fn word(&self, input: ParseStream, words: &mut Words<Name>) -> syn::Result<()> {
        let written = input.call(Ident::parse_any).map_err(|error| {
            syn::Error::new(error.span(), format!("expected an option: {}", self.known()))
        })?;
        let value = Value::read(input, &written)?;
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error("expected `,` between options"));
        }
        let text = written.to_string();
        let short_form =
            self.short_forms.iter().find(|(short, _)| text == *short).map(|(_, says)| *says);
        let itself = self
            .words
            .iter()
            .find(|(word, _)| text == *word)
            .map(|(_, name)| slice::from_ref(name));
        let Some(says) = short_form.or(itself) else {
            return Err(syn::Error::new(written.span(), self.unknown(&text)));
        };
        if let Some(earlier) =
            words.given.iter().find(|earlier| earlier.says.iter().any(|name| says.contains(name)))
        {
            return Err(syn::Error::new(written.span(), self.twice(earlier, &text, says)));
        }
        if short_form.is_some() {
            value.refuse(&written)?;
        }
        words.given.push(Word { written, says, value });
        Ok(())
    }

    fn twice(&self, earlier: &Word<Name>, later: &str, says: &[Name]) -> String {
        let earlier_text = earlier.written.to_string();
        if earlier_text == later {
            return format!("`{later}` is given twice");
        }
        let (short, long) = if self.short_forms.iter().any(|(short, _)| later == *short) {
            (later, says)
        } else {
            (&*earlier_text, earlier.says)
        };
        let both = earlier
            .says
            .iter()
            .find(|name| says.contains(name))
            .map_or(later, |name| self.text(*name));
        let long: Vec<&str> = long.iter().map(|name| self.text(*name)).collect();
        format!("`{both}` is given twice: `{short}` is short for `{}`", long.join(", "))
    }

    fn text(&self, name: Name) -> &'static str {
        self.words.iter().find(|(_, word)| *word == name).map_or("", |(text, _)| text)
    }

    fn unknown(&self, text: &str) -> String {
        match self.nearest(text) {
            Some(nearest) => format!("there is no option `{text}`: did you mean `{nearest}`?"),
            None => format!("there is no option `{text}`; there are {}", self.known()),
        }
    }

    fn nearest(&self, text: &str) -> Option<&'static str> {
        let distance = |known: &str| strsim::damerau_levenshtein(text, known);
        // As far as rustc goes: a third of the letters.
        self.texts()
            .min_by_key(|known| distance(known))
            .filter(|known| distance(known) <= text.chars().count().max(3) / 3)
    }

    fn known(&self) -> String {
        let texts: Vec<&str> = self.texts().collect();
        format!("`{}`", texts.join("`, `"))
    }

    fn texts(&self) -> impl Iterator<Item = &'static str> {
        self.words
            .iter()
            .map(|(text, _)| *text)
            .chain(self.short_forms.iter().map(|(text, _)| *text))
    }
}

impl<Name: PartialEq> Words<Name> {
    pub(in crate::dispatcher) fn find(&self, name: Name) -> Option<&Word<Name>> {
        self.given.iter().find(|word| word.says.contains(&name))
    }
}

impl Value {
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

    /// For words that take no value.
    pub(super) fn refuse(&self, name: &Ident) -> syn::Result<()> {
        let at = match self {
            Value::None => return Ok(()),
            Value::Is(equals, _) => equals.spans[0],
            Value::List(list) => list.span(),
        };
        Err(syn::Error::new(at, format!("`{name}` takes no value")))
    }
}

fn skip_to_comma(input: ParseStream) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<TokenTree>()?;
    }
    Ok(())
}
