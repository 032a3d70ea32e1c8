//! `go.mod` and `go.work`.

/// A requirement, or what is excluded.
pub(super) type Versioned = (String, String);

/// `replace old v => new w`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The module.
    pub old: String,
    /// Its version; all of them if there is none.
    pub old_version: Option<String>,
    /// A module, or a folder.
    pub new: String,
    /// The version of the module; none for a folder.
    pub new_version: Option<String>,
}

/// A `go.mod` file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModFile {
    /// The path of the module.
    pub module: String,
    /// `go 1.24`, as it is written.
    pub go: Option<String>,
    /// `toolchain go1.24.3`
    pub toolchain: Option<String>,
    /// What it needs.
    pub require: Vec<Versioned>,
    /// What it takes in the stead of others.
    pub replace: Vec<Replacement>,
    /// What it can't do with.
    pub exclude: Vec<Versioned>,
    /// Folders that patterns leave out.
    pub ignore: Vec<String>,
}

/// A `go.work` file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkFile {
    /// The modules that are worked on, as folders.
    pub uses: Vec<String>,
    /// What is taken in the stead of others.
    pub replace: Vec<Replacement>,
    /// `go 1.24`, as it is written.
    pub go: Option<String>,
}

/// A line that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct ModFileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

/// The directives of a file, one a line, as they look without blocks: the number of the line and words.
fn directives(text: &str) -> Result<Vec<(usize, Vec<String>)>, ModFileError> {
    let mut directives = Vec::new();
    let mut block: Option<String> = None;
    for (at, line) in text.lines().enumerate() {
        let mut words =
            words(line).ok_or_else(|| ModFileError { line: at + 1, what: "a string is not closed".into() })?;
        match (&block, words.as_slice()) {
            (_, []) => {}
            (Some(_), [close]) if close == ")" => block = None,
            (Some(verb), _) => {
                words.insert(0, verb.clone());
                directives.push((at + 1, words));
            }
            (None, [verb, open]) if open == "(" => block = Some(verb.clone()),
            (None, [verb, open, close]) if open == "(" && close == ")" => drop(verb.clone()),
            (None, _) => directives.push((at + 1, words)),
        }
    }
    Ok(directives)
}

/// The words of a line, without its comment.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() && !rest.starts_with("//") {
        let (word, after) = match rest.chars().next()? {
            quote @ ('"' | '`') => {
                let inner = &rest[1..];
                let end = inner.find(quote)?;
                (inner[..end].to_owned(), &inner[end + 1..])
            }
            single @ ('(' | ')') => (single.to_string(), &rest[1..]),
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || c == '(' || c == ')').unwrap_or(rest.len());
                let end = rest[..end].find("//").unwrap_or(end);
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        words.push(word);
        rest = after.trim_start();
    }
    Some(words)
}

fn replacement(words: &[String]) -> Option<Replacement> {
    let arrow = words.iter().position(|word| word == "=>")?;
    let (old, new) = (&words[..arrow], &words[arrow + 1..]);
    let is_side = |side: &[String]| (1..=2).contains(&side.len());
    (is_side(old) && is_side(new)).then(|| Replacement {
        old: old[0].clone(),
        old_version: old.get(1).cloned(),
        new: new[0].clone(),
        new_version: new.get(1).cloned(),
    })
}

impl ModFile {
    /// Reads one. Directives that are not known are left out, as newer releases of Go may have more.
    ///
    /// # Errors
    ///
    /// Says which line can't be read.
    pub fn parse(text: &str) -> Result<Self, ModFileError> {
        let mut file = Self::default();
        for (line, words) in directives(text)? {
            let wrong = |what: &str| ModFileError { line, what: what.to_owned() };
            let versioned = || match &words[1..] {
                [path, version] => Ok((path.clone(), version.clone())),
                _ => Err(wrong("expected a module and its version")),
            };
            let one = || words.get(1).cloned().ok_or_else(|| wrong("expected a word"));
            match words[0].as_str() {
                "module" => file.module = one()?,
                "go" => file.go = Some(one()?),
                "toolchain" => file.toolchain = Some(one()?),
                "require" => file.require.push(versioned()?),
                "exclude" => file.exclude.push(versioned()?),
                "ignore" => file.ignore.push(one()?),
                "replace" => {
                    file.replace.push(replacement(&words[1..]).ok_or_else(|| wrong("expected old => new"))?);
                }
                _ => {}
            }
        }
        Ok(file)
    }

    /// The minor version of Go it is written in; that of a file without a `go` line is 16.
    #[must_use]
    pub fn minor(&self) -> u32 {
        self.go.as_deref().and_then(minor).unwrap_or(16)
    }
}

impl WorkFile {
    /// Reads one.
    ///
    /// # Errors
    ///
    /// Says which line can't be read.
    pub fn parse(text: &str) -> Result<Self, ModFileError> {
        let mut file = Self::default();
        for (line, words) in directives(text)? {
            let wrong = |what: &str| ModFileError { line, what: what.to_owned() };
            match words[0].as_str() {
                "use" => file.uses.push(words.get(1).cloned().ok_or_else(|| wrong("expected a folder"))?),
                "go" => file.go = words.get(1).cloned(),
                "replace" => {
                    file.replace.push(replacement(&words[1..]).ok_or_else(|| wrong("expected old => new"))?);
                }
                _ => {}
            }
        }
        Ok(file)
    }
}

/// The 24 of `1.24.3` and `1.24rc1`.
pub(super) fn minor(version: &str) -> Option<u32> {
    let rest = version.strip_prefix("1.")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_go_writes() {
        let file = ModFile::parse(
            "// A module.\nmodule example.com/shop // the shop\n\ngo 1.24.3\ntoolchain go1.25.1\n\
             require (\n\tgolang.org/x/sync v0.7.0\n\t\"example.com/a\" v1.0.0 // indirect\n)\nrequire example.com/b v2.0.0+incompatible\n\
             replace example.com/a => ../a\nreplace (\n\texample.com/b v2.0.0 => example.com/c v1.2.3\n)\n\
             exclude example.com/d v1.0.0\nretract [v1.0.0, v1.1.0]\nignore ./node_modules\n",
        )
        .unwrap();
        assert_eq!(file.module, "example.com/shop");
        assert_eq!((file.minor(), file.toolchain.as_deref()), (24, Some("go1.25.1")));
        assert_eq!(file.require.len(), 3);
        assert_eq!(file.replace[0].new_version, None);
        assert_eq!(file.replace[1].old_version.as_deref(), Some("v2.0.0"));
        assert_eq!(file.exclude.len(), 1);
        assert_eq!(file.ignore, ["./node_modules"]);
        assert_eq!(ModFile::parse("module a\nrequire b\n").unwrap_err().line, 2);
        assert_eq!(WorkFile::parse("go 1.22\nuse (\n\t.\n\t./tools\n)\n").unwrap().uses, [".", "./tools"]);
    }
}
