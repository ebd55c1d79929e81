#include "onnx/wire.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <utility>

namespace egaze::detail::onnx {
namespace {

constexpr std::uint64_t kVarint = 0, kBytes = 2, kFourBytes = 5;
constexpr std::size_t kLongestVarint = 10;

}  // namespace

std::uint64_t FieldReader::varint() {
  std::uint64_t value = 0;
  const std::size_t most = std::min(rest_.size(), kLongestVarint);
  for (std::size_t place = 0; place < most; ++place) {
    const std::uint64_t byte = rest_[place];
    if (place + 1 == kLongestVarint && byte > 1) break;
    value |= (byte & 0x7F) << 7 * place;
    if (byte >= 0x80) continue;
    rest_ = rest_.subspan(place + 1);
    return value;
  }
  if (rest_.size() < kLongestVarint) throw WireError("it ends within a field", true);
  throw WireError("it holds a number of more than 64 bits");
}

std::optional<Field> FieldReader::next() {
  if (rest_.empty()) return std::nullopt;
  const std::uint64_t key = varint(), number = key >> 3, kind = key & 7;
  if (kind == kVarint) return Field{number, varint()};
  if (kind != kBytes && kind != kFourBytes) throw WireError("it holds a field of a kind that no exported model has");
  const std::uint64_t size = kind == kBytes ? varint() : 4;
  if (size > rest_.size()) throw WireError("it ends within a field", true);
  const Bytes content = rest_.first(size);
  rest_ = rest_.subspan(size);
  return Field{number, std::nullopt, content};
}

float float_of(Bytes four) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < 4; ++i) bits |= std::uint32_t{four[i]} << 8 * i;
  return std::bit_cast<float>(bits);
}

Bytes Message::Part::bytes() const {
  return own.empty() ? other : Bytes(reinterpret_cast<const unsigned char*>(own.data()), own.size());
}

void Message::append(std::string_view text) {
  if (text.empty()) return;
  if (parts_.empty() || parts_.back().own.empty()) parts_.emplace_back();
  parts_.back().own += text;
  size_ += text.size();
}

void Message::varint(std::uint64_t value) {
  std::string digits;
  for (; value >= 0x80; value >>= 7) digits += static_cast<char>(value | 0x80);
  digits += static_cast<char>(value);
  append(digits);
}

void Message::add_number(std::uint64_t field, std::int64_t value) {
  varint(field << 3 | kVarint);
  varint(static_cast<std::uint64_t>(value));
}

void Message::add_float(std::uint64_t field, float value) {
  varint(field << 3 | kFourBytes);
  const auto bits = std::bit_cast<std::uint32_t>(value);
  std::string four;
  for (int i = 0; i < 4; ++i) four += static_cast<char>(bits >> 8 * i);
  append(four);
}

void Message::add_text(std::uint64_t field, std::string_view text) {
  varint(field << 3 | kBytes);
  varint(text.size());
  append(text);
}

void Message::add_bytes(std::uint64_t field, Bytes content) {
  varint(field << 3 | kBytes);
  varint(content.size());
  if (content.empty()) return;
  parts_.push_back({{}, content});
  size_ += content.size();
}

void Message::add_message(std::uint64_t field, Message&& message) {
  varint(field << 3 | kBytes);
  varint(message.size());
  for (Part& part : message.parts_) {
    if (part.own.empty()) {
      size_ += part.other.size();
      parts_.push_back(std::move(part));
    } else {
      append(part.own);
    }
  }
}

std::vector<unsigned char> Message::bytes() const {
  std::vector<unsigned char> all;
  all.reserve(size_);
  for (const Part& part : parts_) std::ranges::copy(part.bytes(), std::back_inserter(all));
  return all;
}

std::optional<std::size_t> Message::begins(Bytes bytes) const {
  if (bytes.size() < size_) return std::nullopt;
  std::size_t at = 0;
  for (const Part& part : parts_) {
    const Bytes written = part.bytes();
    if (!std::ranges::equal(written, bytes.subspan(at, written.size()))) return std::nullopt;
    at += written.size();
  }
  return at;
}

}  // namespace egaze::detail::onnx
