//! What those who ask are told, in words.

use std::any::Any;
use std::fmt::{Debug, Display};

use corio::RequestError;

/// Tells those with the same end together, in lines that fit into this file.
pub(crate) fn in_short(ends: Vec<(String, String)>) -> Vec<String> {
    let mut short: Vec<(Vec<String>, String)> = Vec::new();
    for (who, told) in ends {
        match short.iter_mut().find(|(_, same)| *same == told) {
            Some((all, _)) => all.push(who),
            None => short.push((vec![who], told)),
        }
    }
    short.into_iter().map(|(who, told)| wrapped(&format!("{}: {told}", who.join(", ")))).collect()
}

pub(crate) fn wrapped(text: &str) -> String {
    let mut lines = vec![String::from(" ")];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("it has a line");
        if line.len() + word.len() < 82 {
            *line += &format!(" {word}");
        } else {
            lines.push(format!("      {word}"));
        }
    }
    lines.join("\n")
}

// ── words ──

pub(crate) const ANSWERED: &str = "answered";

/// An answer, which is made from its key.
pub(crate) trait Told: Send {
    /// In words, where it is not what was asked for.
    fn told(self, asked: u64) -> String;
}

impl Told for u64 {
    fn told(self, asked: u64) -> String {
        if self == asked { ANSWERED.to_owned() } else { format!("the answer to {self}") }
    }
}

impl<A: Told> Told for Option<A> {
    fn told(self, asked: u64) -> String {
        self.map_or("None".to_owned(), |answer| answer.told(asked))
    }
}

impl<A: Told, E: Trouble> Told for Result<A, E> {
    fn told(self, asked: u64) -> String {
        match self {
            Ok(answer) => answer.told(asked),
            Err(error) => format!("Err({})", error.words()),
        }
    }
}

/// The error in an answer.
pub(crate) trait Trouble: Send {
    fn words(&self) -> String;
}

impl Trouble for String {
    fn words(&self) -> String {
        format!("{self:?}")
    }
}

impl<E: Debug + Display + Send + Sync> Trouble for RequestError<E> {
    fn words(&self) -> String {
        match self {
            RequestError::Failed(error) => format!("Failed({error:?})"),
            fault => fault.to_string(),
        }
    }
}

pub(crate) fn told(asked: u64, answer: Result<impl Told, RequestError>) -> String {
    answer.map_or_else(|error| format!("fails: {error}"), |answer| answer.told(asked))
}

pub(crate) fn message(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<String>(), payload.downcast_ref::<&str>()) {
        (Some(message), _) => message.clone(),
        (_, Some(message)) => (*message).to_owned(),
        _ => "a payload that says nothing".to_owned(),
    }
}
