//! Variables, and the witnesses of the sensitive ones: first the value, then what says that it was written.

use std::sync::Arc;

use super::super::client::{List, attributes};
use super::super::request::{Home, ValueRequest, VariableRequest, WitnessId, WitnessRequest};
use super::super::wire::Resource;
use super::super::wire::variable::{KIND, SentValue, VariableAttributes, VariableBody};
use super::super::witness::Witness;
use super::super::{Category, VariableId, VariableSetId};
use super::create::{Created, of_others, unlisted};
use super::{Stop, Task};
use crate::http::{Body, Kind, path};
use crate::owner::Suffix;
use crate::secret::{Secret, SecretRef};

type Variable = Resource<VariableAttributes>;

/// The category of witnesses. Their set is attached to nothing; were it attached, an environment variable with a dash
/// in its name would do less harm than an input that no configuration declares.
const WITNESS: Category = Category::Env;

impl Task<'_> {
    fn home(&self, home: &Home) -> Result<String, Stop> {
        Ok(match home {
            Home::Workspace(id) => path(&["workspaces", &self.id(id)?.0, "vars"]),
            Home::Set(id) => set_path(&self.id(id)?),
        })
    }

    pub(super) async fn create_variable(&self, home: &Home, variable: &VariableRequest) -> Result<String, Stop> {
        let home = self.home(home)?;
        let value = self.value(variable).await?;
        let body = body(variable, &value, true);
        let find = async || {
            let found = self.variable_of(&home, variable).await?;
            match found {
                Some(found) if found.attributes.description == variable.description => Ok(Some(found)),
                Some(found) => {
                    let mark = Suffix::description(self.writer.fleet());
                    let ours = found.attributes.description.as_deref().is_some_and(|text| mark.take(text).is_some());
                    Err(if ours { unlisted() } else { of_others() })
                }
                None => Ok(None),
            }
        };
        let created = match self.create(&home, &body, find).await {
            Ok(Created::Found(found)) => {
                // Whose value it holds is not known, so it is written once more: that answer tells its version.
                let path = format!("{home}/{}", found.id);
                self.patch_variable(&path, &body, variable).await?
            }
            Ok(Created::Made(made)) => made,
            Err(stop) => return Err(stop.about(&sources(variable))),
        };
        self.bear_witness(&created, &value).await?;
        Ok(created.id)
    }

    pub(super) async fn update_variable(
        &self,
        home: &Home,
        id: &VariableId,
        variable: &VariableRequest,
    ) -> Result<(), Stop> {
        let path = format!("{}/{}", self.home(home)?, path(&[&id.0]));
        let value = self.value(variable).await?;
        let body = body(variable, &value, false);
        let written: Variable = self.patch_variable(&path, &body, variable).await?;
        self.bear_witness(&written, &value).await
    }

    async fn patch_variable(&self, path: &str, body: &Body, variable: &VariableRequest) -> Result<Variable, Stop> {
        let written = self.writer.patch(path, body).await;
        written.map_err(|failure| Stop::from(failure).about(&sources(variable)))
    }

    pub(super) async fn delete_variable(
        &self,
        home: &Home,
        id: &VariableId,
        witness: Option<&WitnessId>,
    ) -> Result<(), Stop> {
        // The witness goes last: HCP may refuse to remove the variable. One that is left over is found by a later run.
        let home = self.home(home)?;
        let list = whole(&home);
        self.remove(&format!("{home}/{}", path(&[&id.0])), &id.0, &list).await?;
        self.forget(witness).await
    }

    /// Removes witnesses; one that is gone already is what was wanted.
    pub(super) async fn forget(&self, witnesses: impl IntoIterator<Item = &WitnessId>) -> Result<(), Stop> {
        for WitnessId { set, variable } in witnesses {
            let witnesses = set_path(set);
            self.remove(&format!("{witnesses}/{}", path(&[&variable.0])), &variable.0, &whole(&witnesses)).await?;
        }
        Ok(())
    }

    async fn value<'a>(&self, variable: &'a VariableRequest) -> Result<Value<'a>, Stop> {
        Ok(match &variable.value {
            None => Value::Kept,
            Some(ValueRequest::Plain(value)) => Value::Plain(value),
            Some(ValueRequest::Sensitive { source, witness }) => {
                Value::Sensitive(Arc::new(self.secrets.read(source).await?), witness)
            }
        })
    }

    async fn variable_of(&self, home: &str, variable: &VariableRequest) -> Result<Option<Variable>, Stop> {
        let category = variable.key.category.as_str();
        let variables: Vec<Variable> = self.things(home, false).await?;
        Ok(variables
            .into_iter()
            .find(|found| found.attributes.key == variable.key.key && found.attributes.category == category))
    }

    /// Writes down that this value was written, and with which version of the variable that was answered.
    async fn bear_witness(&self, written: &Variable, value: &Value<'_>) -> Result<(), Stop> {
        let Value::Sensitive(secret, WitnessRequest { set, existing }) = value else {
            return Ok(());
        };
        let id = VariableId(written.id.clone());
        let fingerprints = self.writer.reader().fingerprints();
        let Some(fingerprint) = fingerprints.of(self.writer.fleet(), &id.0, secret).await else {
            return Err(Stop::because(
                "the value was written, and there is no memory for its fingerprint",
                "run it again with 16 MiB more: the value is written once more then",
            ));
        };
        let witness = Witness { version: written.attributes.version_id.clone().unwrap_or_default(), fingerprint };
        let set = set_path(&self.id(set)?);
        self.write_witness(&set, &id, &witness.to_string(), existing.as_ref())
            .await
            .map_err(|stop| stop.and("the value itself was written; the next apply writes it once more"))
    }

    async fn write_witness(
        &self,
        set: &str,
        about: &VariableId,
        value: &str,
        existing: Option<&VariableId>,
    ) -> Result<(), Stop> {
        let change = VariableBody { value: Some(SentValue::Plain(value)), ..VariableBody::default() };
        if let Some(existing) = existing {
            let path = format!("{set}/{}", path(&[&existing.0]));
            match self.writer.patch::<Variable>(&path, &attributes(KIND, &change)).await {
                Ok(_) => return Ok(()),
                Err(failure) if failure.kind() == Kind::NotFound => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        let whole = VariableBody {
            key: Some(&about.0),
            description: Some(self.address.as_str()),
            category: Some(WITNESS.as_str()),
            hcl: Some(false),
            sensitive: Some(false),
            ..change
        };
        let find = async || {
            let variables: Vec<Variable> = self.things(set, false).await?;
            Ok(variables.into_iter().find(|found| found.attributes.key == about.0))
        };
        let body = attributes(KIND, &whole);
        match self.create(set, &body, find).await? {
            Created::Made(_) => {}
            Created::Found(found) if found.attributes.value.as_deref() == Some(value) => {}
            Created::Found(found) => {
                let path = format!("{set}/{}", path(&[&found.id]));
                let _: Variable = self.writer.patch(&path, &body).await?;
            }
        }
        Ok(())
    }
}

/// A value for the time of one request.
enum Value<'a> {
    /// It stays.
    Kept,
    /// One that anybody may see.
    Plain(&'a str),
    /// One that nobody may, and where to write down that it was written.
    Sensitive(Arc<Secret>, &'a WitnessRequest),
}

/// Where the secret of a variable comes from.
fn sources(variable: &VariableRequest) -> Vec<&SecretRef> {
    match &variable.value {
        Some(ValueRequest::Sensitive { source, witness: _ }) => vec![source],
        Some(ValueRequest::Plain(_)) | None => Vec::new(),
    }
}

fn body(variable: &VariableRequest, value: &Value<'_>, whole: bool) -> Body {
    let VariableRequest { key, value: _, hcl, description } = variable;
    let (value, sensitive) = match value {
        Value::Kept => (None, None),
        Value::Plain(value) => (Some(SentValue::Plain(value)), whole.then_some(false)),
        Value::Sensitive(secret, _) => (Some(SentValue::Sensitive(secret.carried())), Some(true)),
    };
    let body = VariableBody {
        key: whole.then_some(&key.key),
        value,
        description: description.as_deref(),
        category: whole.then_some(key.category.as_str()),
        hcl: *hcl,
        sensitive,
    };
    attributes(KIND, &body)
}

fn set_path(set: &VariableSetId) -> String {
    path(&["varsets", &set.0, "relationships", "vars"])
}

/// A list without pages, to look a thing up in.
fn whole(path: &str) -> List<'_> {
    List { path, include: &[], filter: &[], paged: false, sorted: false }
}
