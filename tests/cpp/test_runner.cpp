// The parts of egaze-run: its command line, its JSON, its output names and its PNG files.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "arguments.hpp"
#include "expect_throws.hpp"
#include "json.hpp"
#include "object_uids.hpp"
#include "output_names.hpp"
#include "png.hpp"

using namespace egaze::runner;

namespace {

Arguments parsed(const std::vector<const char*>& words) { return parse_arguments(words); }

TEST(Runner, Arguments) {
  const Arguments plain = parsed({"m.pt", "a.png", "b.npy"});
  EXPECT_EQ(plain.model, "m.pt");
  EXPECT_EQ(plain.images, (std::vector<std::string>{"a.png", "b.npy"}));
  EXPECT_FALSE(plain.out_folder);
  EXPECT_FALSE(plain.dicom_folder);
  EXPECT_EQ(parsed({"m.pt", "a.dcm", "--dicom-out", "o"}).dicom_folder.value(), "o");
  EXPECT_EQ(plain.predictor.threads, 0);
  EXPECT_TRUE(plain.predictor.tensor_arena);
  EXPECT_FALSE(parsed({"m.pt", "a.png", "--no-tensor-arena"}).predictor.tensor_arena);
  EXPECT_FALSE(plain.predictor.class_heatmaps);
  EXPECT_TRUE(parsed({"m.pt", "a.png", "--class-heatmaps"}).predictor.class_heatmaps);
  EXPECT_EQ(plain.predictor.device, "cpu");
  const Arguments mixed = parsed({"--out", "o", "m.pt", "--threads=3", "--", "--odd-name.png"});
  EXPECT_EQ(mixed.out_folder.value(), "o");
  EXPECT_EQ(mixed.predictor.threads, 3);
  EXPECT_EQ(mixed.images.front(), "--odd-name.png");
  EXPECT_EQ(parsed({"m.pt", "a.png", "--trust", "a.pem", "--trust=b.pem"}).trusted_keys,
            (std::vector<std::string>{"a.pem", "b.pem"}));
  const egaze::ModelLimits limits =
      parsed({"m.pt", "a.png", "--model-limit", "nodes=3", "--model-limit=nesting=7"}).predictor.limits;
  EXPECT_EQ(limits.nodes, 3);
  EXPECT_EQ(limits.nesting, 7);
  EXPECT_EQ(limits.multiplications, egaze::ModelLimits{}.multiplications);
  for (const char* limit : {"nodes", "nodes=", "nodes=0", "nodes=-1", "nodes=1000001", "nodes=1.5", "nodes=3 ",
                            "node=3", "nesting=99999999999999999999", "=3", ""}) {
    EXPECT_THROWS(UsageError, "--model-limit", parsed({"m.pt", "a.png", "--model-limit", limit}));
  }
  EXPECT_THROWS(UsageError, "given twice", parsed({"m.pt", "a.png", "--model-limit=nodes=3", "--model-limit=nodes=3"}));
  EXPECT_EQ(parsed({"--help", "--nonsense"}).action, Arguments::Action::help);
  EXPECT_EQ(parsed({"--version"}).action, Arguments::Action::version);
  EXPECT_THROWS(UsageError, "MODEL", parsed({}));
  EXPECT_THROWS(UsageError, "IMAGE", parsed({"m.pt"}));
  EXPECT_THROWS(UsageError, "--nonsense", parsed({"m.pt", "a.png", "--nonsense"}));
  EXPECT_THROWS(UsageError, "--help=1", parsed({"--help=1"}));
  EXPECT_THROWS(UsageError, "--out", parsed({"m.pt", "a.png", "--out"}));
  for (const char* threads : {"0", "-1", "1.5", "many", "", "99999999999"}) {
    EXPECT_THROWS(UsageError, "--threads", parsed({"m.pt", "a.png", "--threads", threads}));
  }
}

TEST(Runner, UsageNamesEveryOption) {
  const std::string text(usage());
  for (const char* option :
       {"--json", "--csv", "--out DIR", "--dicom-out DIR", "--batch N", "--threads N", "--device NAME",
        "--precision NAME", "--trust KEY.pem", "--class-heatmaps", "--bench N", "--formats", "--version"}) {
    EXPECT_NE(text.find("\n  " + std::string(option) + " "), std::string::npos) << option;
  }
  EXPECT_NE(text.find("\n  --model-limit NAME=VALUE\n"), std::string::npos);
  EXPECT_NE(text.find("\nExample: egaze-run "), std::string::npos);
  for (std::size_t begin = 0, end; begin < text.size(); begin = end + 1) {
    end = text.find('\n', begin);
    ASSERT_NE(end, std::string::npos);
    EXPECT_LE(end - begin, 108u) << text.substr(begin, end - begin);
  }
}

// tests/dicom_objects/test_objects.py has the same value.
TEST(Runner, UidsFollowFromContent) {
  EXPECT_EQ(uid_of({"one", "two"}), "2.25.327312849917556451259958699160288759681");
  EXPECT_NE(uid_of({"one", "two"}), uid_of({"onetwo"}));
}

TEST(Runner, Json) {
  EXPECT_EQ(json_string("a\"b\\c\n\x01"), R"("a\"b\\c\u000a\u0001")");
  EXPECT_EQ(json_string("\xc3\xa9"), "\"\xc3\xa9\"");
  EXPECT_EQ(json_string("\xff"
                        "a\xe2\x82"),
            R"("\ufffda\ufffd\ufffd")");
  EXPECT_EQ(std::stof(json_number(0.1f)), 0.1f);
  EXPECT_EQ(std::stod(json_number(1.0 / 3.0)), 1.0 / 3.0);
}

TEST(Runner, OutputNames) {
  using Names = std::vector<std::string>;
  EXPECT_EQ(output_names({"a/1.2.840.10008.5.dcm", "b/1.2.840.10008.6"}),
            (Names{"1.2.840.10008.5", "1.2.840.10008.6"}));
  EXPECT_EQ(output_names({"radiograph.PNG", "radiograph.nii.gz", "radiograph.PNG"}),
            (Names{"radiograph", "radiograph.nii.gz", "radiograph"}));
  const Names shared = output_names({"a/radiograph.dcm", "b/RADIOGRAPH.png", "other.dcm"});
  EXPECT_TRUE(shared[0].starts_with("radiograph-") && shared[1].starts_with("RADIOGRAPH-") && shared[2] == "other");
  EXPECT_EQ(output_names({"b/RADIOGRAPH.png", "a/radiograph.dcm"}), (Names{shared[1], shared[0]}));
  for (const char* odd : {"..", "-rf", ".hidden", "con.dcm", "a b", "\xff", "name.", "\xe2\x80\xaf.dcm", ""}) {
    const std::string name = output_names({odd}).front();
    EXPECT_TRUE(name.size() >= 10 && name[name.size() - 9] == '-' && name.find_first_of("./ ") == std::string::npos)
        << name;
  }
}

std::uint32_t big_endian(const std::vector<std::uint8_t>& bytes, std::size_t at) {
  return std::uint32_t{bytes[at]} << 24 | std::uint32_t{bytes[at + 1]} << 16 | std::uint32_t{bytes[at + 2]} << 8 |
         bytes[at + 3];
}

// Bit by bit, unlike the encoder's table.
std::uint32_t slow_crc32(const std::vector<std::uint8_t>& bytes, std::size_t begin, std::size_t end) {
  std::uint32_t crc = 0xFFFFFFFFu;
  for (std::size_t i = begin; i < end; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
  }
  return ~crc;
}

// Larger than one stored block, which holds 65,535 bytes.
TEST(Runner, Png) {
  constexpr std::size_t height = 300, width = 301;
  std::vector<std::uint8_t> grey(height * width);
  for (std::size_t i = 0; i < grey.size(); ++i) grey[i] = static_cast<std::uint8_t>(i * 7 + i / width);
  const std::vector<std::uint8_t> file = encode_png(grey, height, width);

  std::vector<std::uint8_t> stream;
  std::vector<std::string> types;
  std::size_t at = 8;
  while (at + 12 <= file.size()) {
    const std::size_t length = big_endian(file, at);
    const std::string type(file.begin() + at + 4, file.begin() + at + 8);
    EXPECT_EQ(big_endian(file, at + 8 + length), slow_crc32(file, at + 4, at + 8 + length));
    if (type == "IHDR") {
      EXPECT_EQ(big_endian(file, at + 8), width);
      EXPECT_EQ(big_endian(file, at + 12), height);
    }
    if (type == "IDAT") stream.assign(file.begin() + at + 8, file.begin() + at + 8 + length);
    types.push_back(type);
    at += 12 + length;
  }
  EXPECT_EQ(at, file.size());
  EXPECT_EQ(types, (std::vector<std::string>{"IHDR", "IDAT", "IEND"}));

  std::vector<std::uint8_t> rows;
  bool last = false;
  at = 2;
  while (!last) {
    last = stream[at] == 1;
    const std::size_t length = stream[at + 1] | stream[at + 2] << 8;
    EXPECT_TRUE((stream[at + 3] | stream[at + 4] << 8) == static_cast<int>(length ^ 0xFFFF));
    rows.insert(rows.end(), stream.begin() + at + 5, stream.begin() + at + 5 + length);
    at += 5 + length;
  }
  EXPECT_EQ(at + 4, stream.size());
  EXPECT_EQ(rows.size(), height * (width + 1));
  bool same = true;
  for (std::size_t y = 0; y < height; ++y) {
    for (std::size_t x = 0; x < width; ++x) same &= rows[y * (width + 1) + 1 + x] == grey[y * width + x];
  }
  EXPECT_TRUE(same);
}

}  // namespace
