//! The records of one data set, read by its template and handed on in one of two forms.
//!
//! Owns the loop over records and its accounting; must not know where the set came from.

use serde_json::{Map, Value};

use super::flow::FlowRecord;
use super::json;
use super::normalise::{MessageContext, flow_record};
use super::plan::Values;
use super::reason::DropReason;
use super::source::Source;
use super::template::Template;
use super::value::record_length;
use super::wire::is_padding;

/// Where decoded records go.
pub(crate) trait Output {
    /// Takes one record, exactly as long as the template says.
    fn record(&mut self, source: &mut Source, context: &MessageContext, template: &Template, record: &[u8]);
}

/// Appends flow records; ignores options data (the source has learnt them already).
pub(crate) struct FlowOutput<'a> {
    out: &'a mut Vec<FlowRecord>,
    values: Values,
}

impl<'a> FlowOutput<'a> {
    pub(crate) fn new(out: &'a mut Vec<FlowRecord>) -> Self {
        Self { out, values: Values::default() }
    }
}

impl Output for FlowOutput<'_> {
    #[inline]
    fn record(&mut self, source: &mut Source, context: &MessageContext, template: &Template, record: &[u8]) {
        if template.is_options() {
            return;
        }
        if template.fixed_length.is_some() {
            template.plan.read(record, &mut self.values);
        } else if template.plan.read_variable(record, &mut self.values).is_none() {
            source.counters.drops.add(DropReason::NotAFlow, 1);
            return;
        }
        let options = &source.options;
        let fixed = source.sampling_override;
        match flow_record(&self.values, context, |sampler| fixed.or_else(|| options.interval_of(sampler))) {
            Some(mut flow) => {
                if let Some(interval) = fixed {
                    flow.sampling = interval;
                }
                source.counters.flow_records += 1;
                source.counters.times_repaired += u64::from(flow.time_repaired);
                self.out.push(flow);
            }
            None => source.counters.drops.add(DropReason::NotAFlow, 1),
        }
    }
}

/// Makes a JSON object of every record.
pub(crate) struct JsonOutput<'a> {
    each: &'a mut dyn FnMut(Map<String, Value>),
}

impl<'a> JsonOutput<'a> {
    pub(crate) fn new(each: &'a mut dyn FnMut(Map<String, Value>)) -> Self {
        Self { each }
    }
}

impl Output for JsonOutput<'_> {
    fn record(&mut self, source: &mut Source, context: &MessageContext, template: &Template, record: &[u8]) {
        source.counters.flow_records += u64::from(!template.is_options());
        (self.each)(json::object(context, template, record));
    }
}

/// Reads every record of a set; their number.
pub(crate) fn decode_set<O: Output>(
    source: &mut Source,
    context: &MessageContext,
    template: &Template,
    body: &[u8],
    samplers: usize,
    out: &mut O,
) -> u32 {
    source.counters.data_sets_decoded += 1;
    let mut rest = body;
    let mut records = 0_u32;
    while rest.len() >= template.min_length {
        // A zero-filled tail is padding; no flow has addresses of zeros alone.
        if rest[0] == 0 && (template.plan.may_be_flow() || template.fixed_length.is_none()) && is_padding(rest) {
            rest = &[];
            break;
        }
        let Some(length) = record_length(template, rest) else { break };
        let record = &rest[..length];
        source.counters.records += 1;
        records = records.wrapping_add(1);
        if template.is_options() {
            source.counters.options_records += 1;
            source.options.learn(template, record, samplers);
        }
        out.record(source, context, template, record);
        rest = &rest[length..];
    }
    let left_over = !rest.is_empty() && !is_padding(rest);
    if left_over && (rest.len() >= template.min_length || rest.len() > 3) {
        source.counters.drops.add(DropReason::RecordTruncated, 1);
    }
    records
}
