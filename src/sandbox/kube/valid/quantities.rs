//! Amounts, which have one spelling (apimachinery v0.36, `pkg/api/resource/quantity.go`).

use serde_json::Value;

const BINARY: [&str; 5] = ["Ki", "Mi", "Gi", "Ti", "Pi"];
/// With the power of ten of each.
const DECIMAL: [(&str, i32); 9] =
    [("n", -9), ("u", -6), ("m", -3), ("", 0), ("k", 3), ("M", 6), ("G", 9), ("T", 12), ("P", 15)];
/// Billionths in one.
const BILLION: i128 = 1_000_000_000;

/// An amount in billionths, and whether it is counted in powers of two.
fn billionths(text: &str) -> Option<(i128, bool)> {
    let place = text.find(|letter: char| letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(place);
    let (whole, rest) = number.split_once('.').unwrap_or((number, ""));
    if rest.len() > 9 || (whole.is_empty() && rest.is_empty()) {
        return None;
    }
    let sign = if whole.starts_with('-') { -1 } else { 1 };
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let rest: i128 = format!("{rest:0<9}").parse().ok()?;
    let amount = whole.checked_mul(BILLION)?.checked_add(sign * rest)?;
    if let Some(power) = BINARY.iter().position(|known| *known == suffix) {
        let factor = 1024_i128.checked_pow(u32::try_from(power).ok()? + 1)?;
        return Some((amount.checked_mul(factor)?, true));
    }
    let (_, power) = DECIMAL.iter().find(|(known, _)| *known == suffix)?;
    let factor = 10_i128.checked_pow(power.unsigned_abs())?;
    Some((if *power < 0 { amount / factor } else { amount.checked_mul(factor)? }, false))
}

/// The one spelling of an amount.
pub fn canonical(text: &str) -> Option<String> {
    let (amount, is_binary) = billionths(text)?;
    if amount == 0 {
        return Some("0".to_owned());
    }
    let is_large = amount.abs() >= 1024 * BILLION;
    if is_binary && is_large && amount % BILLION == 0 {
        let mut number = amount / BILLION;
        let mut suffix = "";
        for next in BINARY {
            if number % 1024 != 0 {
                break;
            }
            number /= 1024;
            suffix = next;
        }
        return Some(format!("{number}{suffix}"));
    }
    let fits = |power: i32| {
        let unit = 10_i128.checked_pow(u32::try_from(power + 9).ok()?)?;
        (amount % unit == 0).then_some(amount / unit)
    };
    DECIMAL.iter().rev().find_map(|(suffix, power)| Some(format!("{}{suffix}", fits(*power)?)))
}

/// An amount to compare, if it is one.
pub fn comparable(value: &Value) -> Option<i128> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    billionths(&text).map(|(amount, _)| amount)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_amount_has_one_spelling() {
        for (given, expected) in [
            ("0.5", "500m"),
            ("500m", "500m"),
            ("1000m", "1"),
            ("2", "2"),
            ("1000", "1k"),
            ("128Mi", "128Mi"),
            ("1024Mi", "1Gi"),
            ("1.5Gi", "1536Mi"),
            ("1500M", "1500M"),
            ("0", "0"),
        ] {
            assert_eq!(canonical(given).as_deref(), Some(expected), "{given}");
        }
        assert_eq!(canonical("much"), None);
    }

    #[test]
    fn amounts_are_compared_whatever_their_spelling() {
        assert_eq!(comparable(&json!("100m")), comparable(&json!("0.1")));
        assert!(comparable(&json!("1Gi")) > comparable(&json!("1G")));
        assert_eq!(comparable(&json!(2)), comparable(&json!("2")));
    }
}
