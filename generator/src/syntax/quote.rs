//! Words of settings, quoted and escaped as systemd reads them (systemd.syntax(7)).

/// `%` starts a specifier almost everywhere in unit files.
pub(crate) fn no_specifiers(text: &str) -> String {
    text.replace('%', "%%")
}

/// One word of a setting that splits words: quoted and escaped only if need be.
pub(crate) fn quote(word: &str) -> String {
    quoted(no_specifiers(word))
}

/// One word of a command line, in which specifiers are to work and variables are not.
pub(crate) fn word(text: &str) -> String {
    quoted(text.replace('$', "$$"))
}

fn quoted(word: String) -> String {
    let bare = |c: char| c.is_alphanumeric() || "/._-:=+,@%".contains(c);
    if !word.is_empty() && word.chars().all(bare) {
        return word;
    }
    format!("\"{}\"", word.replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(quote("/usr/libexec/a-b.sh"), "/usr/libexec/a-b.sh");
        assert_eq!(quote("two words"), "\"two words\"");
        assert_eq!(quote(r"F=a\x20b"), r#""F=a\\x20b""#);
        assert_eq!(quote("50%"), "50%%");
        assert_eq!(quote("a'b;"), "\"a'b;\"");
        assert_eq!(word("a $HOME %i"), "\"a $$HOME %i\"");
        assert_eq!(word(""), "\"\"");
    }
}
