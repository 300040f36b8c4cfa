//! The records of one data set, read by its template and handed on in one of two forms.
//!
//! Owns the loop over records and its accounting; must not know where the set came from.

use serde_json::{Map, Value};

use super::flow::FlowRecord;
use super::json;
use super::layout::ORIGIN;
use super::normalise::{MessageContext, settle};
use super::plan::Rows;
use super::reason::DropReason;
use super::source::Source;
use super::template::Template;
use super::wire::is_padding;

/// Where decoded records go.
pub(crate) trait Output {
    /// Called before the records of each set.
    fn begin(&mut self, _context: &MessageContext, _template: &Template) {}

    /// Takes records, each exactly as long as the template says.
    fn records(&mut self, source: &mut Source, context: &MessageContext, template: &Template, rows: &Rows<'_>);
}

/// Appends flow records; ignores options data (the source has learnt them already).
pub(crate) struct FlowOutput<'a> {
    out: &'a mut Vec<FlowRecord>,
    /// What the records of the set have in common.
    prototype: Option<FlowRecord>,
}

impl<'a> FlowOutput<'a> {
    pub(crate) fn new(out: &'a mut Vec<FlowRecord>) -> Self {
        Self { out, prototype: None }
    }
}

impl Output for FlowOutput<'_> {
    fn begin(&mut self, context: &MessageContext, template: &Template) {
        self.prototype = template.plan.is_flow().then(|| template.plan.prototype(context));
    }

    fn records(&mut self, source: &mut Source, context: &MessageContext, template: &Template, rows: &Rows<'_>) {
        if template.is_options() {
            return;
        }
        let count = rows.iter().len();
        let plan = &template.plan;
        let Some(prototype) = self.prototype else {
            source.counters.drops.add(DropReason::NotAFlow, count as u64);
            return;
        };
        let first = self.out.len();
        self.out.resize(first + count, prototype);
        let flows = &mut self.out[first..];
        plan.fill(rows, context, flows);
        let (options, fixed) = (&source.options, source.sampling_override);
        let mut repaired = 0;
        for (flow, row) in flows.iter_mut().zip(rows.iter()) {
            settle(flow, context, &plan.late(row, rows.anchors), |sampler| options.interval_of(sampler));
            flow.sampling = fixed.unwrap_or(flow.sampling);
            repaired += u64::from(flow.time_repaired);
        }
        let mut kept = count as u64;
        if let [flow] = flows
            && !plan.has_addresses(flow)
        {
            (kept, repaired) = (0, 0);
            self.out.truncate(first);
            source.counters.drops.add(DropReason::NotAFlow, 1);
        }
        source.counters.flow_records += kept;
        source.counters.times_repaired += repaired;
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
    fn records(&mut self, source: &mut Source, context: &MessageContext, template: &Template, rows: &Rows<'_>) {
        for record in rows.iter() {
            source.counters.flow_records += u64::from(!template.is_options());
            let templates = |id| source.template((context.version == 10, id));
            (self.each)(json::object(context, template, record, &templates));
        }
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
    out.begin(context, template);
    let mut take = |rows: Rows<'_>| {
        let count = rows.iter().len() as u64;
        source.counters.records += count;
        if template.is_options() {
            source.counters.options_records += count;
            for record in rows.iter() {
                source.options.learn(template, record, samplers);
            }
        }
        out.records(source, context, template, &rows);
        count as u32
    };
    let (records, rest) = match template.layout.fixed() {
        Some(stride) => {
            let whole = without_padding(body, stride, template.plan.is_flow());
            let records = if whole.is_empty() { 0 } else { take(Rows { bytes: whole, stride, anchors: &[ORIGIN] }) };
            (records, &body[whole.len()..])
        }
        None => variable_records(template, body, take),
    };
    let left_over = !rest.is_empty() && !is_padding(rest);
    if left_over && (rest.len() >= template.min_length || rest.len() > 3) {
        source.counters.drops.add(DropReason::RecordTruncated, 1);
    }
    records
}

/// The records of a fixed length. A zero-filled tail is padding: no flow has addresses of zeros alone.
fn without_padding(body: &[u8], stride: usize, is_flow: bool) -> &[u8] {
    let mut whole = body.len() / stride;
    if is_flow {
        let used = body.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
        whole = whole.min(used.div_ceil(stride));
    }
    &body[..whole * stride]
}

/// Reads records one by one; their number and what is left.
fn variable_records<'a>(template: &Template, body: &'a [u8], mut take: impl FnMut(Rows<'_>) -> u32) -> (u32, &'a [u8]) {
    let mut anchors = Vec::new();
    let (mut rest, mut records) = (body, 0_u32);
    while rest.len() >= template.min_length {
        if rest[0] == 0 && is_padding(rest) {
            return (records, &[]);
        }
        let Some(length) = template.layout.measure(rest, &mut anchors) else { break };
        let (record, after) = rest.split_at(length);
        records = records.wrapping_add(take(Rows { bytes: record, stride: length, anchors: &anchors }));
        rest = after;
    }
    (records, rest)
}
