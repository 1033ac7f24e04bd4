//! The name that somebody most likely meant who wrote another one.

/// Below this, two names have nothing to do with each other.
const LIKENESS: f64 = 0.7;

/// The name among `names` that is most like `name`, unless none is.
pub fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_if_any_is() {
        let names = ["sshd.sh", "etc-overlay.sh"];
        assert_eq!(nearest("shsd.sh", names.into_iter()), Some("sshd.sh"));
        assert_eq!(nearest("zzz", names.into_iter()), None);
    }
}
