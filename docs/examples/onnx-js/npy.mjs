// Grey images in NumPy's .npy files.

const READERS = {
  "|u1": (view, at) => view.getUint8(at) / 255,
  "<u2": (view, at) => view.getUint16(2 * at, true) / 65535,
  "<f4": (view, at) => view.getFloat32(4 * at, true),
};

// Returns { values, height, width }, with values in [0, 1].
export function readNpy(content, path) {
  const fail = (what) => {
    throw new Error(`${path}: ${what}`);
  };
  if (content.subarray(0, 6).toString("latin1") !== "\x93NUMPY") fail("not a .npy file");
  const wide = content[6] > 1;
  const size = wide ? content.readUInt32LE(8) : content.readUInt16LE(8);
  const start = (wide ? 12 : 10) + size;
  const header = content.subarray(wide ? 12 : 10, start).toString();
  const [, type] = header.match(/'descr':\s*'([^']+)'/) ?? fail("has no type");
  const [, height, width] = header.match(/'shape':\s*\((\d+),\s*(\d+)\)/)?.map(Number) ?? fail("is not (H, W)");
  if (!header.includes("'fortran_order': False")) fail("its rows are not stored one after another");
  const read = READERS[type] ?? fail(`has the type ${type}, expected uint8, uint16 or float32`);
  const bytes = content.subarray(start);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length !== height * width * Number(type[2])) fail("has another length than its shape says");
  const values = Float64Array.from({ length: height * width }, (_, at) => read(view, at));
  if (!values.every((value) => value >= 0 && value <= 1)) fail("its values must be finite and lie in [0, 1]");
  return { values, height, width };
}
