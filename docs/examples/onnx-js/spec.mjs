// The spec of an ONNX file of egaze, which lies in its metadata, and the check of the file's digest.

const METADATA = 14; // the field of ONNX's ModelProto

// Returns the spec. `sha256` computes the digest of bytes in hexadecimal digits. The digest finds damage; whether the
// program is harmless is what `egaze check` proves.
export function readSpec(content, sha256) {
  for (const { field, start, end, bytes } of fields(content)) {
    if (field !== METADATA) continue;
    const entry = Object.fromEntries(fields(bytes).map(({ field: number, bytes: value }) => [number, value]));
    if (entry[1]?.toString() !== "egaze_spec") continue;
    const spec = JSON.parse(entry[2].toString());
    if (![4, 5].includes(spec.format_version)) {
      throw new Error(`format version ${spec.format_version}, this program reads 4 and 5`);
    }
    const unsigned = Buffer.from(content.subarray(0, end)); // a signature follows the spec
    const at = unsigned.indexOf(spec.model_sha256, unsigned.indexOf('"model_sha256"', start));
    unsigned.fill("0", at, at + 64);
    if (sha256(unsigned) !== spec.model_sha256) throw new Error("the model file is damaged or changed");
    return spec;
  }
  throw new Error("not an ONNX file that egaze exported");
}

// The fields of a message of protocol buffers that have a length.
function fields(message) {
  const found = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let factor = 1; at < message.length; factor *= 128) {
      const byte = message[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw new Error("the model file is incomplete");
  };
  while (at < message.length) {
    const start = at;
    const key = varint();
    const kind = key % 8;
    if (kind === 0) {
      varint();
    } else if (kind === 2) {
      const size = varint();
      if (size > message.length - at) throw new Error("the model file is incomplete");
      const bytes = message.subarray(at, at + size);
      at += size;
      found.push({ field: Math.floor(key / 8), start, end: at, bytes });
    } else {
      throw new Error("not an ONNX file that egaze exported");
    }
  }
  return found;
}
