//! Writes and reads detectors in Kibana's form.

use serde_json::{Map, Value, json};

use super::{Action, AppliesTo, Comparison, Condition, Detector, ExcludeFrequent, Family, FilterRef, Function, Rule};
use crate::json::{Node, ReadError};

const ACTIONS: [(&str, Action); 2] =
    [("skip_result", Action::SkipResult), ("skip_model_update", Action::SkipModelUpdate)];
const APPLIES_TO: [(&str, AppliesTo); 4] = [
    ("actual", AppliesTo::Actual),
    ("typical", AppliesTo::Typical),
    ("diff_from_typical", AppliesTo::DiffFromTypical),
    ("time", AppliesTo::Time),
];
const COMPARISONS: [(&str, Comparison); 4] =
    [("gt", Comparison::Gt), ("gte", Comparison::Gte), ("lt", Comparison::Lt), ("lte", Comparison::Lte)];
const EXCLUDE: [(&str, ExcludeFrequent); 4] = [
    ("all", ExcludeFrequent::All),
    ("none", ExcludeFrequent::None),
    ("by", ExcludeFrequent::By),
    ("over", ExcludeFrequent::Over),
];
const FILTER_TYPES: [(&str, bool); 2] = [("include", true), ("exclude", false)];

fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    names.iter().find(|(_, known)| known == value).map_or("", |(name, _)| name)
}

impl Detector {
    /// The detector as JSON; `index` is its place in the job.
    pub fn to_json(&self, index: usize) -> Value {
        let mut map = Map::new();
        let mut text = |key: &str, value: Option<&str>| {
            if let Some(value) = value {
                map.insert(key.to_owned(), Value::from(value));
            }
        };
        text("detector_description", self.description.as_deref());
        text("function", Some(self.function.as_str()));
        text("field_name", self.field.as_deref());
        text("by_field_name", self.by.as_deref());
        text("over_field_name", self.over.as_deref());
        text("partition_field_name", self.partition.as_deref());
        text("exclude_frequent", self.exclude_frequent.map(|value| name_of(&EXCLUDE, &value)));
        if let Some(use_null) = self.use_null {
            map.insert("use_null".to_owned(), Value::Bool(use_null));
        }
        if !self.rules.is_empty() {
            map.insert("custom_rules".to_owned(), self.rules.iter().map(Rule::to_json).collect());
        }
        map.insert("detector_index".to_owned(), Value::from(index));
        Value::Object(map)
    }

    /// Reads the detector at place `index` of a job.
    pub fn from_json(node: &Node<'_>, index: usize) -> Result<Self, ReadError> {
        let mut object = node.object()?;
        let function = object.require("function")?;
        let name = function.text()?;
        let detector = Self {
            function: Function::named(name).ok_or_else(|| function.refuse(format!("unknown function {name:?}")))?,
            field: object.text("field_name")?,
            by: object.text("by_field_name")?,
            over: object.text("over_field_name")?,
            partition: object.text("partition_field_name")?,
            use_null: object.read("use_null", Node::flag)?,
            exclude_frequent: object.read("exclude_frequent", |node| node.one_of(&EXCLUDE))?,
            description: object.text("detector_description")?,
            rules: object
                .read("custom_rules", |node| node.array()?.iter().map(Rule::from_json).collect())?
                .unwrap_or_default(),
        };
        if let Some(node) = object.get("detector_index")
            && node.count()? != index as u64
        {
            return Err(node.refuse(format!("expected {index}, the place of the detector")));
        }
        object.finish()?;
        detector.check().map_err(|problem| node.refuse(problem))?;
        Ok(detector)
    }

    /// Whether the function goes with the fields.
    fn check(&self) -> Result<(), String> {
        let function = self.function.as_str();
        match (self.function.family(), &self.field, &self.by) {
            (Family::Field, None, _) => return Err(format!("function {function:?} needs a field_name")),
            (Family::Count | Family::Rare, Some(_), _) => {
                return Err(format!("function {function:?} takes no field_name"));
            }
            (Family::Rare, _, None) => return Err(format!("function {function:?} needs a by_field_name")),
            _ => {}
        }
        if self.function == Function::FreqRare && self.over.is_none() {
            return Err(format!("function {function:?} needs an over_field_name"));
        }
        if self.over.is_some() && !self.function.takes_over() {
            return Err(format!("function {function:?} takes no over_field_name"));
        }
        let split = [("by", &self.by), ("over", &self.over), ("partition", &self.partition)];
        for (index, (kind, field)) in split.iter().enumerate() {
            let Some(field) = field.as_deref() else { continue };
            if *kind != "partition" && ["by", "count", "over"].contains(&field) {
                return Err(format!("{field:?} may not be the {kind}_field_name"));
            }
            if let Some((other, _)) = split[..index].iter().find(|(_, other)| other.as_deref() == Some(field)) {
                return Err(format!("{field:?} is both the {other}_field_name and the {kind}_field_name"));
            }
        }
        Ok(())
    }
}

impl Rule {
    fn to_json(&self) -> Value {
        let actions: Vec<_> = self.actions.iter().map(|action| name_of(&ACTIONS, action)).collect();
        let mut map = Map::new();
        map.insert("actions".to_owned(), actions.into());
        if !self.scope.is_empty() {
            let scope: Map<String, Value> = self
                .scope
                .iter()
                .map(|(field, filter)| {
                    let kind = name_of(&FILTER_TYPES, &filter.include);
                    (field.clone(), json!({"filter_id": filter.filter_id, "filter_type": kind}))
                })
                .collect();
            map.insert("scope".to_owned(), Value::Object(scope));
        }
        if !self.conditions.is_empty() {
            map.insert("conditions".to_owned(), self.conditions.iter().map(|condition| condition.json()).collect());
        }
        Value::Object(map)
    }

    fn from_json(node: &Node<'_>) -> Result<Self, ReadError> {
        let mut object = node.object()?;
        let actions = object.read("actions", |node| node.array()?.iter().map(|n| n.one_of(&ACTIONS)).collect())?;
        let conditions = object.read("conditions", |node| node.array()?.iter().map(Condition::from_json).collect())?;
        let scope = object.read("scope", |node| {
            let entries = node.object()?.entries();
            entries.iter().map(|(field, node)| Ok(((*field).to_owned(), FilterRef::from_json(node)?))).collect()
        })?;
        object.finish()?;
        let rule = Self {
            actions: actions.unwrap_or_else(|| vec![Action::SkipResult]),
            scope: scope.unwrap_or_default(),
            conditions: conditions.unwrap_or_default(),
        };
        if rule.scope.is_empty() && rule.conditions.is_empty() {
            return Err(node.refuse("a rule needs a scope or a condition"));
        }
        Ok(rule)
    }
}

impl FilterRef {
    fn from_json(node: &Node<'_>) -> Result<Self, ReadError> {
        let mut object = node.object()?;
        let filter = Self {
            filter_id: object.require("filter_id")?.text()?.to_owned(),
            include: object.read("filter_type", |node| node.one_of(&FILTER_TYPES))?.unwrap_or(true),
        };
        object.finish()?;
        Ok(filter)
    }
}

impl Condition {
    fn json(self) -> Value {
        json!({
            "applies_to": name_of(&APPLIES_TO, &self.applies_to),
            "operator": name_of(&COMPARISONS, &self.comparison),
            "value": self.value,
        })
    }

    fn from_json(node: &Node<'_>) -> Result<Self, ReadError> {
        let mut object = node.object()?;
        let condition = Self {
            applies_to: object.require("applies_to")?.one_of(&APPLIES_TO)?,
            comparison: object.require("operator")?.one_of(&COMPARISONS)?,
            value: object.require("value")?.number()?,
        };
        object.finish()?;
        Ok(condition)
    }
}
