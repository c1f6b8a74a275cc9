//! Languages, as far as they are needed to tell comments from code.

use std::path::Path;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Language {
    pub(crate) name: &'static str,
    extensions: &'static [&'static str],
    /// What a comment begins with that ends with its line.
    pub(crate) line: &'static [&'static str],
    /// What other comments begin and end with.
    pub(crate) block: Option<(&'static str, &'static str)>,
}

const SLASHES: &[&str] = &["//"];
const HASH: &[&str] = &["#"];
const STARS: Option<(&str, &str)> = Some(("/*", "*/"));
const ANGLES: Option<(&str, &str)> = Some(("<!--", "-->"));

#[rustfmt::skip]
static LANGUAGES: &[Language] = &[
    Language { name: "C",          extensions: &["c", "h"],                   line: SLASHES, block: STARS },
    Language { name: "C++",        extensions: &["cc", "cpp", "cxx", "hpp"],  line: SLASHES, block: STARS },
    Language { name: "CSS",        extensions: &["css"],                      line: &[],     block: STARS },
    Language { name: "Go",         extensions: &["go"],                       line: SLASHES, block: STARS },
    Language { name: "Haskell",    extensions: &["hs"],                       line: &["--"], block: Some(("{-", "-}")) },
    Language { name: "HTML",       extensions: &["htm", "html"],              line: &[],     block: ANGLES },
    Language { name: "Java",       extensions: &["java"],                     line: SLASHES, block: STARS },
    Language { name: "JavaScript", extensions: &["js", "jsx", "mjs"],         line: SLASHES, block: STARS },
    Language { name: "JSON",       extensions: &["json"],                     line: &[],     block: None },
    Language { name: "Markdown",   extensions: &["md"],                       line: &[],     block: ANGLES },
    Language { name: "Python",     extensions: &["py"],                       line: HASH,    block: None },
    Language { name: "Rust",       extensions: &["rs"],                       line: SLASHES, block: STARS },
    Language { name: "Shell",      extensions: &["bash", "sh"],               line: HASH,    block: None },
    Language { name: "SQL",        extensions: &["sql"],                      line: &["--"], block: STARS },
    Language { name: "TOML",       extensions: &["toml"],                     line: HASH,    block: None },
    Language { name: "TypeScript", extensions: &["ts", "tsx"],                line: SLASHES, block: STARS },
    Language { name: "YAML",       extensions: &["yaml", "yml"],              line: HASH,    block: None },
];

/// By the extension of the file.
pub(crate) fn of(file: &Path) -> Option<&'static Language> {
    let extension = file.extension()?.to_str()?.to_ascii_lowercase();
    LANGUAGES.iter().find(|language| language.extensions.contains(&extension.as_str()))
}
