//! Tags: a thing's own, and those that a workspace has from its project.

use serde::Deserialize;

use super::super::observed::SeenTags;
use super::{Included, Resource, ToMany, ToOne};

/// The type of a tag in lists of those in force.
pub const KIND: &str = "effective-tag-bindings";

/// A tag in force.
pub type Tag = Resource<TagAttributes, TagRelations>;

/// A tag's attributes.
#[derive(Debug, Deserialize)]
pub struct TagAttributes {
    /// Its key.
    pub key: String,
    /// Its value; flat tags have none.
    #[serde(default)]
    pub value: Option<String>,
}

/// Where a tag comes from, in the one of two spellings.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct TagRelations {
    /// The project that it is inherited from.
    pub inherited_from: Option<ToOne>,
}

/// Tells own tags from inherited ones, by the link of the documentation or by the relationship of the `OpenAPI` file.
#[must_use]
pub fn seen(tags: impl IntoIterator<Item = Tag>) -> SeenTags {
    let mut seen = SeenTags::default();
    for tag in tags {
        let by_link = tag.links.get("inherited-from").is_some_and(|link| !link.is_null());
        let by_relation = tag.relationships.inherited_from.as_ref().is_some_and(|relation| relation.data.is_some());
        let TagAttributes { key, value } = tag.attributes;
        let into = if by_link || by_relation { &mut seen.inherited } else { &mut seen.own };
        into.insert(key, value.unwrap_or_default());
    }
    seen
}

/// The tags of a thing that came along with it. `None` when some did not, or when nothing says how many there are.
#[must_use]
pub fn along(relation: &ToMany, included: &Included) -> Option<SeenTags> {
    let ids = relation.data.as_ref()?;
    let tags: Option<Vec<Tag>> = ids.iter().map(|id| included.get(&id.kind, &id.id)).collect();
    tags.map(seen)
}
