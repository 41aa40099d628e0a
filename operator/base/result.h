// What can fail returns Result<T>; nothing throws across modules.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace rebalance {

enum class ErrorCode {
  kInvalidInput,
  kRefused,
  kUnavailable,
  kTimeout,
  kConflict,
  kLost,
  kStopped,
  kInternal
};

// `message` says what failed, where and what to do, for a person; `code` is for the program.
struct Error {
  ErrorCode code;
  std::string message;
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

inline std::unexpected<Error> error(ErrorCode code, std::string message) {
  return std::unexpected(Error{code, std::move(message)});
}
inline std::unexpected<Error> invalid_input(std::string message) {
  return error(ErrorCode::kInvalidInput, std::move(message));
}

// TRY(name, expression): returns early with the error, or names the value.
#define TRY(name, expression)                                                   \
  auto name##_result = (expression);                                            \
  if (!name##_result) return std::unexpected(std::move(name##_result).error()); \
  auto& name = *name##_result

// TRY_OK(expression): the same for what gives no value.
#define TRY_OK(expression)                                                              \
  do {                                                                                  \
    if (auto status_ = (expression); !status_) return std::unexpected(status_.error()); \
  } while (false)

}  // namespace rebalance
