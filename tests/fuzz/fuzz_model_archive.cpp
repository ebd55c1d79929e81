// Checking any model file succeeds or throws an Error with a code for models and a message of one printable line.
//
// Random bytes fail the checks of the layout or of the digest. The first byte therefore chooses what the others are: the
// whole file, one of its parts, which is given to its reader, or a member of an archive with a valid layout, checksums
// and digest.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crc32.hpp"
#include "egaze/error.hpp"
#include "json.hpp"
#include "model_archive.hpp"
#include "model_spec.hpp"
#include "pickled_tensors.hpp"
#include "sha256.hpp"

namespace {

using namespace egaze;

using Bytes = std::vector<unsigned char>;

void append(Bytes& out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<unsigned char>(value >> 8 * i));
}

void append(Bytes& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

// A zip archive as `egaze export` writes it.
Bytes zipped(const std::map<std::string, std::string>& members) {
  Bytes out, directory;
  for (const auto& [name, content] : members) {
    const std::string path = "egaze/" + name;
    const auto place = out.size();
    Bytes shared;  // fields of the local header and of the directory entry
    append(shared, 20, 2), append(shared, 0, 6), append(shared, 0x21, 2);
    append(shared, detail::crc32({reinterpret_cast<const unsigned char*>(content.data()), content.size()}), 4);
    append(shared, content.size(), 4), append(shared, content.size(), 4), append(shared, path.size(), 2);
    append(shared, 0, 2);
    append(out, "PK\x03\x04"), out.insert(out.end(), shared.begin(), shared.end());
    append(out, path), append(out, content);
    append(directory, "PK\x01\x02"), append(directory, 3 << 8 | 20, 2);
    directory.insert(directory.end(), shared.begin(), shared.end());
    append(directory, 0, 6), append(directory, 0600u << 16, 4), append(directory, place, 4), append(directory, path);
  }
  const auto begin = out.size();
  out.insert(out.end(), directory.begin(), directory.end());
  append(out, std::string_view("PK\x05\x06\0\0\0\0", 8));
  append(out, members.size(), 2), append(out, members.size(), 2), append(out, directory.size(), 4);
  append(out, begin, 4), append(out, 0, 2);
  return out;
}

std::string digest_of(const std::map<std::string, std::string>& members) {
  detail::Sha256 sha;
  for (const auto& [name, content] : members) {
    if (name == "signature") continue;
    Bytes length;
    append(length, content.size(), 8);
    sha.update(name.c_str(), name.size() + 1);
    sha.update(length.data(), length.size());
    sha.update(content.data(), content.size());
  }
  return sha.finish();
}

const std::string kZeros(64, '0');

const std::string kSpec =
    R"({"format_version": 4, "egaze_version": "0.1.0", "torch_version": "2.14.1", "recipe": "joint", )"
    R"("precision": "fp32", "presentation": "voi", "fit": "stretch", "canvas_height_px": 32, "canvas_width_px": 24, )"
    R"("input_height_px": 32, "input_width_px": 24, "class_names": ["a", "b"], "heatmap_head": true, )"
    R"("label_kind": "exclusive", "threshold_rule": "", "thresholds": [], )"
    R"("training_split_sha256": "x", "class_probs": "softmax", "model_sha256": ")" +
    kZeros + "\"}";

const std::string kProgram =
    "class Model(Module):\n  __parameters__ = []\n  __buffers__ = []\n  def forward(self: __torch__.egaze.Model,\n"
    "    image: Tensor) -> Tuple[Tensor, Tensor]:\n";

// A valid archive, except that one member contains the fuzzer's bytes.
Bytes archive_with(std::uint8_t which, const std::string& content) {
  std::map<std::string, std::string> members = {
      {"byteorder", "little"},
      {"code/__torch__/egaze.py", kProgram + "    return (image, image)\n"},
      {"constants.pkl", "\x80\x02)."},
      {"data.pkl", std::string("\x80\x02"
                               "c__torch__.egaze\nModel\nq\0)\x81}(ubq\x01.",
                               38 - 2)},
      {"extra/egaze_spec.json", kSpec},
      {"version", "3\n"},
  };
  switch (which % 6) {
    case 0: members["code/__torch__/egaze.py"] = kProgram + content; break;
    case 1: members["constants.pkl"] = "\x80\x02" + content; break;
    case 2: members["extra/egaze_spec.json"] = content + "\"model_sha256\": \"" + kZeros + "\"}"; break;
    case 3: members["version"] = content; break;
    case 4: members["signature"] = content; break;
    default: members["constants/0"] = content;
  }
  std::string& spec = members["extra/egaze_spec.json"];
  const std::size_t place = spec.rfind(kZeros);
  spec.replace(place, kZeros.size(), digest_of(members));
  return zipped(members);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::uint8_t mode = data[0] % 8, which = data[1];
  const std::string content(reinterpret_cast<const char*>(data + 2), size - 2);
  try {
    switch (mode) {
      case 0: detail::check_model_archive("m.pt", Bytes(content.begin(), content.end())); break;
      case 1: detail::parse_json(content); break;
      case 2: detail::parse_model_spec("m.pt", content); break;
      case 3: {
        const auto storage_bytes = [](const std::string& key) {
          return key == "0" ? std::optional<std::size_t>(16) : std::nullopt;
        };
        const std::string pickle = "\x80\x02" + content;
        detail::read_pickled_tensors("m.pt", {reinterpret_cast<const unsigned char*>(pickle.data()), pickle.size()},
                                     storage_bytes);
        break;
      }
      default: detail::check_model_archive("m.pt", archive_with(which, content));
    }
  } catch (const detail::JsonError&) {
    if (mode != 1) std::abort();
  } catch (const Error& error) {
    const std::string_view said = error.what();
    if (error.code() < ErrorCode::model_truncated) std::abort();
    if (std::ranges::any_of(said, [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; })) std::abort();
  }
  return 0;
}
