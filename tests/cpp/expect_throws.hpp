// Checks the type and the message of an exception, which GoogleTest does not.
#pragma once

#include <gtest/gtest.h>

#include <exception>
#include <string>
#include <string_view>

// Whether call() throws an Expected whose what() is one line that contains the text.
template <class Expected, class Call>
testing::AssertionResult throws_with(Call&& call, std::string_view text) {
  try {
    call();
  } catch (const Expected& error) {
    const std::string_view message = error.what();
    if (message.find(text) != std::string_view::npos && message.find('\n') == std::string_view::npos) {
      return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << "its message is: " << message;
  } catch (const std::exception& error) {
    return testing::AssertionFailure() << "it throws another exception: " << error.what();
  }
  return testing::AssertionFailure() << "it throws nothing";
}

#define EXPECT_THROWS(Expected, text, ...) \
  EXPECT_TRUE(throws_with<Expected>([&] { static_cast<void>(__VA_ARGS__); }, text))
