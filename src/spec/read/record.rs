//! Structs and words that are read from a tree, each with its JSON Schema, from one definition.

use schemars::{Schema, json_schema};

/// The keys of a map in a JSON Schema.
#[derive(Debug, Default)]
pub struct Properties {
    properties: serde_json::Map<String, serde_json::Value>,
    required: Vec<String>,
}

impl Properties {
    /// Adds a key with the comment that stands above it in the source.
    pub fn add(&mut self, key: &str, doc: &[&str], mut schema: Schema, required: bool) {
        let description = doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n");
        schema.insert("description".to_owned(), description.into());
        self.properties.insert(key.to_owned(), schema.into());
        if required {
            self.required.push(key.to_owned());
        }
    }

    /// The schema of a map with these keys and no others.
    #[must_use]
    pub fn into_schema(self, doc: &[&str]) -> Schema {
        let description = doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join("\n");
        json_schema!({
            "type": "object",
            "description": description,
            "properties": self.properties,
            "required": self.required,
            "additionalProperties": false,
        })
    }
}

/// Makes a struct that is read from a map: from one definition come its fields, its JSON Schema with the comments as
/// descriptions, and a reader that collects findings. A last `..field: Type` takes in the keys of another record.
macro_rules! record {
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident {
            $($(#[doc = $field_doc:literal])* $field:ident: $type:ty,)*
            $(.. $(#[doc = $flat_doc:literal])* $flat:ident: $flat_type:ty,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug)]
        $vis struct $name {
            /// Where it stands.
            pub at: $crate::spec::node::At,
            $($(#[doc = $field_doc])* pub $field: $type,)*
            $($(#[doc = $flat_doc])* pub $flat: $flat_type,)?
        }

        impl $crate::spec::read::Record for $name {
            fn keys() -> &'static [String] {
                static KEYS: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| {
                    #[allow(unused_mut)]
                    let mut keys = vec![$($crate::systems::hcp::settings::spec_name(stringify!($field).trim_start_matches("r#"))),*];
                    $(keys.extend_from_slice(<$flat_type as $crate::spec::read::Record>::keys());)?
                    keys
                });
                &KEYS
            }

            #[allow(unused_mut, unused_variables)]
            fn fields<'n>(
                map: &'n $crate::spec::node::Map,
                at: $crate::spec::node::At,
                reader: &mut $crate::spec::read::Reader<'n>,
            ) -> Option<Self> {
                let mut keys = Self::keys().iter();
                // All are read before the first `?`, so that one that fails does not hide the others.
                $(let $field = reader.field::<$type>(map, at, keys.next().map_or("", String::as_str));)*
                $(let $flat = <$flat_type as $crate::spec::read::Record>::fields(map, at, reader);)?
                Some(Self { at, $($field: $field?,)* $($flat: $flat?,)? })
            }

            #[allow(unused_mut, unused_variables)]
            fn properties(generator: &mut schemars::SchemaGenerator, into: &mut $crate::spec::read::Properties) {
                let mut keys = Self::keys().iter();
                $({
                    let schema = <$type as $crate::spec::read::Read>::schema(generator);
                    let required = <$type as $crate::spec::read::Read>::absent().is_none();
                    into.add(keys.next().map_or("", String::as_str), &[$($field_doc),*], schema, required);
                })*
                $(<$flat_type as $crate::spec::read::Record>::properties(generator, into);)?
            }
        }

        impl $crate::spec::read::Read for $name {
            fn read<'n>(
                node: &'n $crate::spec::node::Node,
                reader: &mut $crate::spec::read::Reader<'n>,
            ) -> Option<Self> {
                reader.record::<Self>(node)
            }

            fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                generator.subschema_for::<Self>()
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut properties = $crate::spec::read::Properties::default();
                <Self as $crate::spec::read::Record>::properties(generator, &mut properties);
                properties.into_schema(&[$($doc),*])
            }
        }
    };
}

/// Makes an enum of words.
macro_rules! words {
    (
        $(#[doc = $doc:literal])*
        $vis:vis enum $name:ident { $($(#[doc = $word_doc:literal])* $variant:ident $word:literal,)* }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        $vis enum $name { $($(#[doc = $word_doc])* $variant,)* }

        impl $name {
            /// The word for it.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl $crate::spec::read::Read for $name {
            fn read<'n>(
                node: &'n $crate::spec::node::Node,
                reader: &mut $crate::spec::read::Reader<'n>,
            ) -> Option<Self> {
                const WORDS: &[(&str, $name)] = &[$(($word, $name::$variant)),*];
                reader.one_of(node, WORDS)
            }

            fn schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($word),*] })
            }
        }
    };
}

pub(in crate::spec) use {record, words};
