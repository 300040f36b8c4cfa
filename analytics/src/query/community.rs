//! The community id of a session, which follows from other columns and is therefore made when it is asked for.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, StringBuilder};
use arrow::datatypes::{DataType, UInt8Type, UInt16Type};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, ident,
};
use tracker::community::community_of;
use tracker::locality::address_of;
use tracker::record::Endpoint;

/// Name of the column.
pub const COMMUNITY_ID: &str = "community_id";

/// The stored columns that it follows from.
pub const PARTS: [&str; 5] = ["proto", "client_ip", "client_port", "server_ip", "server_port"];

/// The community id, over stored columns.
pub fn community_id() -> Expr {
    ScalarUDF::from(CommunityId::new()).call(PARTS.map(ident).to_vec())
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct CommunityId {
    signature: Signature,
}

impl CommunityId {
    fn new() -> Self {
        let (address, port) = (DataType::Binary, DataType::UInt16);
        let parts = vec![DataType::UInt8, address.clone(), port.clone(), address, port];
        Self { signature: Signature::exact(parts, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for CommunityId {
    fn name(&self) -> &'static str {
        COMMUNITY_ID
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let endpoint = |address: &ArrayRef, port: &ArrayRef, row: usize| {
            let key = address.as_binary::<i32>().value(row).try_into().map_or(0, u128::from_be_bytes);
            Endpoint { ip: address_of(key), port: port.as_primitive::<UInt16Type>().value(row) }
        };
        let protos = arrays[0].as_primitive::<UInt8Type>();
        let mut text = StringBuilder::with_capacity(protos.len(), protos.len() * 30);
        for (row, &proto) in protos.values().iter().enumerate() {
            let (client, server) = (endpoint(&arrays[1], &arrays[2], row), endpoint(&arrays[3], &arrays[4], row));
            text.append_value(community_of(proto, client, server));
        }
        Ok(ColumnarValue::Array(Arc::new(text.finish())))
    }
}
