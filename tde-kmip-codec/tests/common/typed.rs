//! Messages of either direction through the typed layer.

use tde_kmip_codec::{
    message::{RequestMessage, ResponseMessage},
    spec::tag,
    ttlv::{Error, Leniency, Options, Tolerated},
};

/// Decodes a message of either direction, encodes it again, and says what was tolerated.
pub(crate) fn round_trip(bytes: &[u8], leniency: Leniency) -> Result<(Vec<u8>, Vec<Tolerated>), Error> {
    let mut heard = Vec::new();
    let mut observe = |tolerated| heard.push(tolerated);
    let options = Options::new().leniency(leniency);
    let mut buffer = vec![0xA5; bytes.len() + 64];
    let direction = bytes.first_chunk::<3>().map_or(0, |tag| u32::from_be_bytes([0, tag[0], tag[1], tag[2]]));
    let encoded = if direction == tag::RESPONSE_MESSAGE.get() {
        ResponseMessage::decode_with(bytes, options, &mut observe)?
            .encode_with(&mut buffer, leniency)?
            .to_vec()
    } else {
        RequestMessage::decode_with(bytes, options, &mut observe)?
            .encode_with(&mut buffer, leniency)?
            .to_vec()
    };
    Ok((encoded, heard))
}
