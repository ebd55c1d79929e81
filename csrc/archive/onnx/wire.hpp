// Protocol buffers' encoding, as far as ONNX files of egaze use it: whole numbers, float32, and fields with a length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace egaze::detail::onnx {

using Bytes = std::span<const unsigned char>;

// Bytes that are no message.
class WireError : public std::runtime_error {
 public:
  explicit WireError(const char* what, bool ends_early = false) : std::runtime_error(what), ends_early_(ends_early) {}
  bool ends_early() const { return ends_early_; }  // whether the bytes end within a field

 private:
  bool ends_early_;
};

// What is read of a field: a whole number, or the content of a field with a length, or the 4 bytes of a float32.
struct Field {
  std::uint64_t number = 0;
  std::optional<std::uint64_t> value = {};
  Bytes content = {};
};

// Reads the fields of a message one after another, without copies. Messages are read one level at a time, so that nesting
// has no cost.
class FieldReader {
 public:
  explicit FieldReader(Bytes message) : rest_(message) {}

  // Returns nothing at the end. Throws WireError.
  std::optional<Field> next();

 private:
  std::uint64_t varint();

  Bytes rest_;
};

float float_of(Bytes four);

// A message that is being written. Long contents are referred to, not copied: they must outlive it.
class Message {
 public:
  void add_number(std::uint64_t field, std::int64_t value);
  void add_float(std::uint64_t field, float value);
  void add_text(std::uint64_t field, std::string_view text);
  void add_bytes(std::uint64_t field, Bytes content);
  void add_message(std::uint64_t field, Message&& message);

  std::size_t size() const { return size_; }
  std::vector<unsigned char> bytes() const;
  // The number of bytes, or nothing if they are not how `bytes` begins.
  std::optional<std::size_t> begins(Bytes bytes) const;

 private:
  struct Part {
    std::string own = {};
    Bytes other = {};
    Bytes bytes() const;
  };

  void varint(std::uint64_t value);
  void append(std::string_view text);

  std::vector<Part> parts_;
  std::size_t size_ = 0;
};

}  // namespace egaze::detail::onnx
