//! What somebody most likely meant.

/// Below this, two names have nothing to do with each other.
const LIKENESS: f64 = 0.8;

/// The name among `names` that somebody who wrote `name` most likely meant, as `; did you mean …?`.
pub(crate) fn suggestion<'a>(
    name: &str,
    names: impl Iterator<Item = &'a str>,
    shown: impl Fn(&str) -> String,
) -> String {
    let lower = name.to_lowercase();
    names
        .map(|known| {
            let likeness = strsim::jaro_winkler(&lower, &known.to_lowercase());
            (likeness, known)
        })
        .filter(|(likeness, _)| *likeness > LIKENESS)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| format!("; did you mean '{}'?", shown(known)))
        .unwrap_or_default()
}
