//! Amounts as Kubernetes writes them.

use schemars::{Schema, SchemaGenerator, json_schema};

use super::super::node::{Node, Value};
use super::super::read::{Read, Reader};

/// An amount as Kubernetes writes it: `500m`, `128Mi`, `2`. It keeps its text, which is what is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// As it was written.
    pub text: String,
    /// In billionths, which is as fine as it gets (`resource.Quantity`).
    pub billionths: i128,
}

const BILLION: i128 = 1_000_000_000;

/// What each suffix stands for, in billionths (`k8s.io/apimachinery`, `resource.Quantity`: the comment on the type).
const SUFFIXES: [(&str, i128); 16] = [
    ("", BILLION),
    ("n", 1),
    ("u", 1_000),
    ("m", 1_000_000),
    ("k", BILLION * 1_000),
    ("M", BILLION * 1_000_000),
    ("G", BILLION * BILLION),
    ("T", BILLION * BILLION * 1_000),
    ("P", BILLION * BILLION * 1_000_000),
    ("E", BILLION * BILLION * BILLION),
    ("Ki", BILLION << 10),
    ("Mi", BILLION << 20),
    ("Gi", BILLION << 30),
    ("Ti", BILLION << 40),
    ("Pi", BILLION << 50),
    ("Ei", BILLION << 60),
];

impl Quantity {
    /// Reads one; none is below zero.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let unsigned = text.strip_prefix('+').unwrap_or(text);
        let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(end);
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        // Amounts end at 2^63; more digits than these stand for none of them.
        if whole.len() + part.len() == 0 || whole.len() > 19 || part.len() > 9 || part.contains('.') {
            return None;
        }
        let digits: i128 = format!("{whole}{part}").parse().ok()?;
        let factor = match SUFFIXES.iter().find(|(known, _)| *known == suffix) {
            Some((_, factor)) => *factor,
            None => power(suffix.strip_prefix(['e', 'E'])?.parse().ok()?)?,
        };
        let billionths =
            digits.checked_mul(factor)?.checked_div(10_i128.checked_pow(u32::try_from(part.len()).ok()?)?)?;
        Some(Self { text: text.to_owned(), billionths })
    }

    /// So many bytes, in the largest binary unit that they are whole in.
    #[must_use]
    pub fn of_bytes(bytes: u64) -> Self {
        let units = [("Gi", 30), ("Mi", 20), ("Ki", 10)];
        let whole = units.into_iter().find(|(_, bits)| bytes >> bits << bits == bytes && bytes >> bits > 0);
        let text = whole.map_or_else(|| bytes.to_string(), |(unit, bits)| format!("{}{unit}", bytes >> bits));
        Self { text, billionths: i128::from(bytes) * BILLION }
    }

    /// So many thousandths of a processor.
    #[must_use]
    pub fn of_millicpus(milli: u32) -> Self {
        let text = if milli.is_multiple_of(1000) { (milli / 1000).to_string() } else { format!("{milli}m") };
        Self { text, billionths: i128::from(milli) * 1_000_000 }
    }
}

/// Ten to the power of this, in billionths.
fn power(exponent: i32) -> Option<i128> {
    10_i128.checked_pow(u32::try_from(exponent.checked_add(9)?).ok()?)
}

impl Read for Quantity {
    fn read<'n>(node: &'n Node, reader: &mut Reader<'n>) -> Option<Self> {
        let text = match &node.value {
            Value::Number(number) => &**number,
            Value::Text(text) => &**text,
            _ => {
                reader.wrong_kind(node, "an amount such as 500m or 128Mi");
                return None;
            }
        };
        let quantity = Self::parse(text);
        if quantity.is_none() {
            let cause = format!("`{text}` is not an amount as Kubernetes writes it");
            reader.wrong_value(node.at, &cause, Some("write such as 500m, 2, 128Mi or 2Gi".to_owned()));
        }
        quantity
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "examples": ["500m", "128Mi"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_as_kubernetes_writes_them() {
        let of = |text: &str| Quantity::parse(text).map(|quantity| quantity.billionths);
        assert_eq!(of("500m"), Some(BILLION / 2));
        assert_eq!(of("1.5"), Some(BILLION * 3 / 2));
        assert_eq!(of(".5Gi"), Some((BILLION << 30) / 2));
        assert_eq!(of("2Gi"), Some(BILLION << 31));
        assert_eq!(of("2e3"), of("2k"));
        assert_eq!(of("5E-1"), of("500m"));
        assert_eq!(of("1E"), of("1e18"));
        for text in
            ["", ".", "1.2.3", "2GiB", "2 Gi", "-1", "500mi", "2g", "1e", "e3", "1e99999", "9".repeat(40).as_str()]
        {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn amounts_of_ours_are_written_shortly() {
        let texts = [2 << 30, 1536 << 20, 2_000_000_000, 1].map(|bytes| Quantity::of_bytes(bytes).text);
        assert_eq!(texts, ["2Gi", "1536Mi", "1953125Ki", "1"]);
        assert_eq!([2000, 1500].map(|milli| Quantity::of_millicpus(milli).text), ["2", "1500m"]);
        for bytes in [2_u64 << 30, 2_000_000_000] {
            let ours = Quantity::of_bytes(bytes);
            assert_eq!(Quantity::parse(&ours.text), Some(ours));
        }
    }
}
