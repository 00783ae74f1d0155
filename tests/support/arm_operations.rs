//! Long-running operations of the stand-in for Resource Manager: 202 with `Location`, 201 or 202 with `Azure-AsyncOperation`, and
//! what has become of them at their end.

use serde_json::{Value, json};

use super::arm::{Effect, Slow, State};
use super::arm_import;
use super::arm_shapes::{error, json_answer};
use super::http::Response;

/// An operation under way.
pub(super) struct Operation {
    left: usize,
    by_status: bool,
    effect: Option<Effect>,
}

impl State {
    /// At once, or as an operation.
    pub(super) fn accepted(&mut self, effect: Effect, at_once: u16, value: &Value, host: &str) -> Response {
        let (left, by_status) = match self.slow {
            Slow::No => {
                self.take(&effect);
                let body = if value.is_null() {
                    String::new()
                } else {
                    value.to_string()
                };
                return Response::new(at_once, body).with("Content-Type", "application/json; charset=utf-8");
            }
            Slow::Location(left) => (left, false),
            Slow::Status(left) => (left, true),
        };
        self.made += 1;
        let number = self.made;
        self.operations.insert(
            number,
            Operation {
                left,
                by_status,
                effect: Some(effect),
            },
        );
        let place = format!("http://{host}/operations/{number}?api-version=2020-01-01&s=planted-signature");
        let status = if at_once == 201 { 201 } else { 202 };
        let answer = Response::new(
            status,
            if status == 201 {
                value.to_string()
            } else {
                String::new()
            },
        );
        let answer = answer.with("Retry-After", "0");
        if by_status || status == 201 {
            self.operations.get_mut(&number).expect("just made").by_status = true;
            answer.with("Azure-AsyncOperation", &place)
        } else {
            answer.with("Location", &place)
        }
    }

    /// What is asked about an operation, which goes on with each look.
    pub(super) fn operation(&mut self, number: usize, host: &str) -> Response {
        let Some(operation) = self.operations.get_mut(&number) else {
            return error(404, "NotFound", "No such operation.");
        };
        let by_status = operation.by_status;
        if operation.left > 0 {
            operation.left -= 1;
            return if by_status {
                json_answer(200, &json!({"status": "InProgress"})).with("Retry-After", "0")
            } else {
                let place = format!("http://{host}/operations/{number}?api-version=2020-01-01&s=planted-signature");
                Response::new(202, "").with("Location", &place).with("Retry-After", "0")
            };
        }
        if let Some(Effect::Imported(outcome)) = &operation.effect {
            let place = format!("http://{host}/operations/{number}?api-version=2020-01-01&s=planted-signature");
            return arm_import::progress(outcome, by_status, &place);
        }
        if let Some(effect) = operation.effect.take() {
            self.take(&effect);
        }
        if by_status {
            json_answer(200, &json!({"status": "Succeeded"}))
        } else {
            Response::new(200, "")
        }
    }

    fn take(&mut self, effect: &Effect) {
        match effect {
            Effect::Ready(store, name) => {
                self.held(store, name).value["properties"]["provisioningState"] = "Succeeded".into();
            }
            Effect::Gone(store, name) => {
                self.manifests.remove(&(store.clone(), name.clone()));
            }
            Effect::Sealed(store, name) => {
                let manifest = self.held(store, name);
                manifest.value["properties"]["artifactManifestState"] = manifest.sealed_as.into();
            }
            Effect::Imported(_) | Effect::Nothing => {}
        }
    }
}
