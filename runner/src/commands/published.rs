//! The state for programs that read `--json`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::deployment::{to_json, to_json_of_kind};
use crate::model::deployment::Deployment;

/// What programs have read of the state since 2.0: deployments are named as their kind was always.
pub fn published(value: &impl Serialize) -> Value {
    let mut value = json!(value);
    publish(&mut value);
    value
}

fn publish(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(publish),
        Value::Object(object) => {
            let named = |value: &Value| serde_json::from_value::<Deployment>(value.clone()).ok();
            if let Some(value) = object.remove("deployment") {
                let deployment = named(&value);
                object.insert(
                    "snapshot".to_owned(),
                    json!(deployment.as_ref().map(to_json_of_kind)),
                );
                object.insert(
                    "deployment".to_owned(),
                    json!(deployment.as_ref().map(to_json)),
                );
            }
            if let Some(target) = object.get_mut("target") {
                *target = json!(named(target).as_ref().map(to_json_of_kind));
            }
            let others = object.iter_mut().filter(|(name, _)| *name != "deployment");
            others.for_each(|(_, value)| publish(value));
        }
        _ => {}
    }
}
