// The .npy decoder with hostile files, and the formats that are recognized.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

#include "egaze/error.hpp"
#include "egaze/radiograph.hpp"
#include "expect_throws.hpp"

using namespace egaze;

namespace {

namespace fs = std::filesystem;

fs::path folder() { return fs::temp_directory_path() / ("egaze-radiograph-files-" + std::to_string(getpid())); }

std::string written(const std::string& bytes) {
  const fs::path path = folder() / "radiograph.npy";
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  return path.string();
}

std::string npy(const std::string& header, const std::string& data, char major = 1) {
  std::string bytes = "\x93NUMPY";
  bytes += {major, 0};
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i) bytes += static_cast<char>(header.size() >> 8 * i & 0xFF);
  return bytes + header + data;
}

std::string header(const std::string& descr, const std::string& shape, const std::string& fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran + ", 'shape': " + shape + ", }   \n";
}

template <class T>
std::string data_of(const std::vector<T>& values) {
  std::string data(values.size() * sizeof(T), '\0');
  std::memcpy(data.data(), values.data(), data.size());
  return data;
}

Radiograph read(const std::string& bytes, Presentation presentation = Presentation::voi) {
  return read_radiograph(written(bytes), presentation);
}

class RadiographFiles : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder()); }
  void TearDown() override { fs::remove_all(folder()); }
};

TEST_F(RadiographFiles, Arrays) {
  const Radiograph bytes = read(npy(header("|u1", "(2, 3)"), data_of<std::uint8_t>({0, 51, 102, 153, 204, 255})));
  EXPECT_EQ(bytes.height, 2);
  EXPECT_EQ(bytes.width, 3);
  EXPECT_EQ(bytes.pixels, (std::vector<float>{0.0f, 0.2f, 0.4f, 0.6f, 0.8f, 1.0f}));
  const std::string by_columns = data_of<std::uint8_t>({0, 153, 51, 204, 102, 255});
  const Radiograph turned = read(npy(header("|u1", "(2, 3)", "True"), by_columns));
  EXPECT_EQ(turned.pixels, bytes.pixels);
  const Radiograph words = read(npy(header("<u2", "(1, 2)"), data_of<std::uint16_t>({0, 65535}), 2));
  EXPECT_EQ(words.pixels, (std::vector<float>{0.0f, 1.0f}));
  const Radiograph floats = read(npy(header("<f4", "(2, 1)"), data_of<float>({0.25f, 1.0f})));
  EXPECT_EQ(floats.pixels, (std::vector<float>{0.25f, 1.0f}));
  const Radiograph raw = read(npy(header("<u2", "(1, 2)"), data_of<std::uint16_t>({10, 40})), Presentation::raw_max);
  EXPECT_EQ(raw.pixels, (std::vector<float>{0.25f, 1.0f}));
}

TEST_F(RadiographFiles, HostileArrays) {
  const std::string four(4, '\0');
  const auto fails = [](const std::string& bytes, const char* message) { EXPECT_THROWS(Error, message, read(bytes)); };
  const std::string good = npy(header("|u1", "(2, 2)"), four);
  for (std::size_t length = 6; length < good.size(); ++length) fails(good.substr(0, length), "radiograph.npy: ");
  fails(npy(header("|u1", "(2, 3)"), four), "truncated");
  fails(npy(header("<u2", "(2, 2)"), four), "truncated");
  fails(npy(header("|u1", "(4294967296, 4294967296)"), four), "pixels");
  fails(npy(header("|u1", "(67108865, 1)"), four), "pixels");
  fails(npy(header("|u1", "(99999999999999999999999, 1)"), four), "(H, W)");
  fails(npy(header("|u1", "(8192, 8192)"), four), "truncated");
  fails(npy(header("|u1", "(0, 4)"), four), "pixels");
  fails(npy(header("|u1", "(-2, 2)"), four), "(H, W)");
  fails(npy(header("|u1", "(4,)"), four), "(H, W)");
  fails(npy(header("|u1", "(1, 2, 2)"), four), "(H, W)");
  for (const char* descr : {">u2", "<i2", "<f8", "|O", "<u4", "|b1", ""}) {
    fails(npy(header(descr, "(1, 1)"), four), "a radiograph is uint8, uint16 or float32");
  }
  fails(npy("{'descr': [('a', '<u2')], 'fortran_order': False, 'shape': (1, 1)}", four), "(H, W)");
  fails(npy("{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2, 2)}", four), "(H, W)");
  fails(npy("{'descr': '|u1', 'shape': (2, 2)}", four), "(H, W)");
  fails(npy("{'descr': '|u1", four), "(H, W)");
  fails(npy("", four), "(H, W)");
  fails(npy(header("|u1", "(2, 2)") + "import os", four), "(H, W)");
  fails(npy(header("|u1", "(2, 2)"), four, 3), "version 3");
  fails(std::string("\x93NUMPY\x02\x00\xff\xff\xff\xff", 12) + four, "header of 4294967295 bytes");
  for (const float bad : {-0.1f, 1.5f, NAN, INFINITY}) {
    fails(npy(header("<f4", "(1, 1)"), data_of<float>({bad})), "[0, 1]");
  }
  EXPECT_THROWS(Error, "voi", read(npy(header("<f4", "(1, 1)"), four), Presentation::equalize));
}

TEST_F(RadiographFiles, Files) {
  EXPECT_THROWS(Error, "no such file", read_radiograph((folder() / "missing.npy").string()));
  EXPECT_THROWS(Error, "is not a file", read_radiograph(folder().string()));
  EXPECT_THROWS(Error, "neither", read("GIF89a"));
  EXPECT_THROWS(Error, "neither", read(""));
  // Each kind is named, whether or not this build reads it.
  const std::vector<std::pair<std::string, std::string>> beginnings = {
      {"png", "\x89PNG\r\n\x1a\n"}, {"jpeg", "\xff\xd8\xff\xe0"}, {"dicom", std::string(128, '\0') + "DICM"}};
  const std::vector<FileFormat> formats = file_formats();
  EXPECT_EQ(formats.size(), 4u);
  EXPECT_EQ(formats[0].name, "npy");
  EXPECT_TRUE(formats[0].readable);
  for (std::size_t i = 0; i < beginnings.size(); ++i) {
    const FileFormat& format = formats[i + 1];
    EXPECT_EQ(format.name, beginnings[i].first);
    EXPECT_EQ(format.readable, format.install_line.empty());
    EXPECT_EQ(format.readable, format.missing.empty());
    try {
      read(beginnings[i].second);
      ADD_FAILURE() << "a file of its first bytes alone was read";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::unreadable_image);
      EXPECT_NE(std::string(error.what()).find(format.install_line), std::string::npos);
    }
  }
}

}  // namespace
