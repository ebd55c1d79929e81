// Turns a fuzzer's bytes into arguments.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace fuzz {

class Bytes {
 public:
  Bytes(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  // The next value, zero when the bytes have run out.
  template <class T>
  T take() {
    T value{};
    const std::size_t count = std::min(sizeof(T), size_);
    std::memcpy(&value, data_, count);
    data_ += count;
    size_ -= count;
    return value;
  }

  // A number in [0, limit).
  std::size_t below(std::size_t limit) { return (limit <= 256 ? take<std::uint8_t>() : take<std::uint16_t>()) % limit; }

  bool empty() const { return size_ == 0; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

}  // namespace fuzz
