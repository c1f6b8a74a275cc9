//! Reads `max_batch = 500, dedup`. A mistake in one option does not hide those in the others.

use super::model::Options;
use crate::errors::Errors;
use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Expr, ExprLit, Lit, Token};

const KNOWN: [&str; 3] = ["max_batch", "dedup", "show_keys"];

pub(super) fn parse(attribute: TokenStream, errors: &mut Errors) -> Options {
    let mut options = Options::default();
    let mut seen = Vec::new();
    let all = |input: ParseStream| {
        while !input.is_empty() {
            if let Err(error) = option(input, &mut options, &mut seen, errors) {
                errors.add(error);
                skip_to_comma(input)?;
            }
            input.parse::<Option<Token![,]>>()?;
        }
        Ok(())
    };
    if let Err(error) = all.parse2(attribute) {
        errors.add(error);
    }
    options
}

fn option(input: ParseStream, options: &mut Options, seen: &mut Vec<Ident>, errors: &mut Errors) -> syn::Result<()> {
    let name = input.call(Ident::parse_any).map_err(|error| syn::Error::new(error.span(), format!("expected an option: {}", known())))?;
    let value = if input.peek(Token![=]) { Some((input.parse::<Token![=]>()?, input.parse::<Expr>()?)) } else { None };
    if !input.is_empty() && !input.peek(Token![,]) {
        return Err(input.error("expected `,` between options"));
    }
    if seen.contains(&name) {
        errors.on(&name, format!("`{name}` is given twice"));
        return Ok(());
    }
    match (name.to_string().as_str(), value) {
        ("max_batch", Some((_, size))) => options.max_batch = batch_size(size, errors),
        ("max_batch", None) => errors.on(&name, "`max_batch` takes a number: `max_batch = 500`"),
        ("dedup", None) => options.dedup = Some(name.clone()),
        ("show_keys", None) => options.show_keys = Some(name.clone()),
        ("dedup" | "show_keys", Some((equals, _))) => errors.on(equals, format!("`{name}` takes no value")),
        (unknown, _) => errors.on(&name, format!("there is no option `{unknown}`{}; there are {}", suggestion(unknown), known())),
    }
    seen.push(name);
    Ok(())
}

/// A literal is checked here; the value of a constant is checked by the runtime.
fn batch_size(size: Expr, errors: &mut Errors) -> Option<Expr> {
    if let Expr::Lit(ExprLit { lit, .. }) = &size {
        match lit {
            Lit::Int(number) if number.base10_parse::<usize>().is_ok_and(|number| number == 0) => {
                errors.on(lit, "a batch holds at least one request: `max_batch = 1` or more");
                return None;
            }
            Lit::Int(_) => {}
            _ => {
                errors.on(lit, "`max_batch` takes a number: `max_batch = 500`");
                return None;
            }
        }
    }
    Some(size)
}

fn skip_to_comma(input: ParseStream) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}

fn known() -> String {
    format!("`{}`", KNOWN.join("`, `"))
}

fn suggestion(unknown: &str) -> String {
    let nearest = KNOWN.into_iter().min_by_key(|known| distance(unknown, known));
    match nearest.filter(|known| distance(unknown, known) <= 3) {
        Some(known) => format!(" (did you mean `{known}`?)"),
        None => String::new(),
    }
}

/// The number of letters to change, add or take away between two words (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in to.bytes().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}
