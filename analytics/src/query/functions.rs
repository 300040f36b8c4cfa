//! SQL functions on addresses: `ip_text(bytes)`, `cidr_match(address, 'prefix')`, `reported_by(observers, 'exporter')`.

use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use tracker::locality::{address_key, address_of};

use crate::query::address::parse_network;

/// Name of the prefix test.
pub const CIDR_MATCH: &str = "cidr_match";

/// `ip_text(bytes)`: a stored address as text; IPv4 in dotted form.
pub fn ip_text() -> ScalarUDF {
    ScalarUDF::from(IpText { signature: Signature::exact(vec![DataType::Binary], Volatility::Immutable) })
}

/// `cidr_match(address, prefix)`: whether an address (text or stored bytes) lies within a prefix.
pub fn cidr_match() -> ScalarUDF {
    let forms = vec![
        TypeSignature::Exact(vec![DataType::Utf8, DataType::Utf8]),
        TypeSignature::Exact(vec![DataType::Binary, DataType::Utf8]),
    ];
    ScalarUDF::from(CidrMatch { signature: Signature::one_of(forms, Volatility::Immutable) })
}

/// `reported_by(observers, exporter)`: whether an exporter (its name, its address, or a prefix of it) is in a list.
pub fn reported_by() -> ScalarUDF {
    let signature = Signature::exact(vec![DataType::Utf8, DataType::Utf8], Volatility::Immutable);
    ScalarUDF::from(ReportedBy { signature })
}

/// Whether a list of exporters (separated by commas) has one of this name or address, or in this prefix.
pub fn reports(observers: &str, exporter: &str) -> bool {
    Reporter::of(exporter).is_in(observers)
}

struct Reporter<'a> {
    name: &'a str,
    keys: Option<(u128, u128)>,
}

impl<'a> Reporter<'a> {
    fn of(name: &'a str) -> Self {
        let keys = parse_network(name).map(|net| (address_key(net.network()), address_key(net.broadcast())));
        Self { name, keys }
    }

    fn is_in(&self, observers: &str) -> bool {
        observers.split(',').any(|observer| match self.keys {
            None => observer == self.name,
            Some((low, high)) => {
                observer.parse().is_ok_and(|address: IpAddr| (low..=high).contains(&address_key(address)))
            }
        })
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ReportedBy {
    signature: Signature,
}

impl ScalarUDFImpl for ReportedBy {
    fn name(&self) -> &'static str {
        "reported_by"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let exporters = arrays[1].as_string::<i32>();
        let mut last: Option<Reporter<'_>> = None;
        let matches: BooleanArray = arrays[0]
            .as_string::<i32>()
            .iter()
            .zip(exporters)
            .map(|(observers, exporter)| {
                let (observers, exporter) = (observers?, exporter?);
                if last.as_ref().is_none_or(|reporter| reporter.name != exporter) {
                    last = Some(Reporter::of(exporter));
                }
                last.as_ref().map(|reporter| reporter.is_in(observers))
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(matches)))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct IpText {
    signature: Signature,
}

impl ScalarUDFImpl for IpText {
    fn name(&self) -> &'static str {
        "ip_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let mut text = StringBuilder::with_capacity(arrays[0].len(), arrays[0].len() * 12);
        for bytes in arrays[0].as_binary::<i32>() {
            match bytes.and_then(key_of) {
                Some(key) => {
                    use std::fmt::Write as _;
                    let _ = write!(text, "{}", address_of(key));
                    text.append_value("");
                }
                None => text.append_null(),
            }
        }
        Ok(ColumnarValue::Array(Arc::new(text.finish())))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CidrMatch {
    signature: Signature,
}

impl ScalarUDFImpl for CidrMatch {
    fn name(&self) -> &'static str {
        CIDR_MATCH
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let keys = keys(&arrays[0]);
        let mut last: Option<(String, (u128, u128))> = None;
        let mut matches = Vec::with_capacity(keys.len());
        for (key, prefix) in keys.into_iter().zip(arrays[1].as_string::<i32>()) {
            let (Some(key), Some(prefix)) = (key, prefix) else {
                matches.push(None);
                continue;
            };
            if last.as_ref().is_none_or(|(text, _)| text != prefix) {
                let Some(network) = parse_network(prefix) else {
                    return exec_err!("cidr_match: {prefix:?} is no prefix such as 10.0.0.0/8");
                };
                let range = (address_key(network.network()), address_key(network.broadcast()));
                last = Some((prefix.to_owned(), range));
            }
            matches.push(last.as_ref().map(|(_, (low, high))| (*low..=*high).contains(&key)));
        }
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::from(matches))))
    }
}

fn key_of(bytes: &[u8]) -> Option<u128> {
    bytes.try_into().ok().map(u128::from_be_bytes)
}

fn keys(addresses: &ArrayRef) -> Vec<Option<u128>> {
    match addresses.data_type() {
        DataType::Binary => addresses.as_binary::<i32>().iter().map(|bytes| bytes.and_then(key_of)).collect(),
        _ => addresses.as_string::<i32>().iter().map(|text| text?.parse::<IpAddr>().ok().map(address_key)).collect(),
    }
}
