// SPDX-License-Identifier: Apache-2.0
#include "policy/arithmetic.h"

#include <charconv>
#include <limits>
#include <utility>

#include "base/text.h"
#include "policy/source.h"

namespace policy {
namespace {

constexpr std::int64_t kLargest = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kSmallest = std::numeric_limits<std::int64_t>::min();

constexpr bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

unsigned suffix_shift(char c) {
  c = base::to_lower(c);
  return c == 'k' ? 10 : c == 'm' ? 20 : c == 'g' ? 30 : 0;
}

// The number with this sign and magnitude, if it fits.
std::optional<std::int64_t> with_sign(std::uint64_t magnitude, unsigned shift,
                                      bool negative) {
  std::uint64_t most = static_cast<std::uint64_t>(kLargest) + (negative ? 1 : 0);
  if (magnitude > most >> shift) return std::nullopt;
  magnitude <<= shift;
  return static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
}

// Recursive descent over the grammar, weakest operator first:
//   sum = xor { "|" xor }     xor = and { "^" and }     and = shift { "&" shift }
//   shift = add { "<<" add }  add = mul { "+" mul }     mul = unary { "*" unary }
//   unary = { "+" | "-" | "~" } ( number | "(" sum ")" )
class Sum {
 public:
  Sum(std::string_view text, Radix radix) : text_(text), radix_(radix) {}

  base::Result<std::int64_t> whole() {
    std::int64_t value = TRY(binary(0));
    if (at_ < text_.size()) return wrong("expecting operator");
    return value;
  }

 private:
  static constexpr int kDeepest = 200;  // parentheses and signs in one another
  static constexpr int kLevels = 6;

  // The operator of this level that stands here: its first character, or 0.
  char operator_at(int level) const {
    static constexpr std::string_view kOperators[kLevels] = {"|",  "^",  "&",
                                                             "<>", "+-", "*/%"};
    if (at_ >= text_.size()) return 0;
    char c = text_[at_];
    if (kOperators[level].find(c) == std::string_view::npos) return 0;
    if (level == 3 && (at_ + 1 >= text_.size() || text_[at_ + 1] != c)) return 0;
    return c;
  }

  base::Result<std::int64_t> binary(int level) {
    if (level == kLevels) return unary();
    std::int64_t left = TRY(binary(level + 1));
    while (char op = operator_at(level)) {
      at_ += level == 3 ? 2 : 1;
      std::int64_t right = TRY(binary(level + 1));
      left = TRY(apply(op, left, right));
    }
    return left;
  }

  base::Result<std::int64_t> apply(char op, std::int64_t a, std::int64_t b) const {
    std::int64_t result = 0;
    switch (op) {
      case '|':
        return a | b;
      case '^':
        return a ^ b;
      case '&':
        return a & b;
      case '<':
      case '>':
        if (b < 0 || b > 63) return wrong("shift by less than 0 or more than 63 bits");
        if (op == '>') return a >> b;
        result = static_cast<std::int64_t>(static_cast<std::uint64_t>(a) << b);
        if (result >> b != a) return wrong("overflow in shift");
        return result;
      case '+':
        if (__builtin_add_overflow(a, b, &result)) return wrong("overflow in sum");
        return result;
      case '-':
        if (__builtin_sub_overflow(a, b, &result)) return wrong("overflow in sum");
        return result;
      case '*':
        if (__builtin_mul_overflow(a, b, &result)) return wrong("overflow in product");
        return result;
      default:
        if (b == 0) return wrong(op == '/' ? "divide by zero" : "modulo by zero");
        if (b == -1) {  // the only quotient that can overflow
          if (op == '%') return 0;
          if (a == kSmallest) return wrong("overflow in quotient");
          return -a;
        }
        return op == '/' ? a / b : a % b;
    }
  }

  base::Result<std::int64_t> unary() {
    skip_blanks();
    if (++depth_ > kDeepest) return wrong("too deeply nested");
    std::int64_t value = 0;
    char c = at_ < text_.size() ? text_[at_] : '\0';
    if (c == '+' || c == '-' || c == '~') {
      ++at_;
      skip_blanks();
      if (c == '-' && at_ < text_.size() && base::is_digit(text_[at_])) {
        value = TRY(number(true));
      } else {
        value = TRY(unary());
        if (c == '-' && value == kSmallest) return wrong("overflow in negation");
        value = c == '-' ? -value : c == '~' ? ~value : value;
      }
    } else if (c == '(') {
      ++at_;
      value = TRY(binary(0));
      if (at_ >= text_.size() || text_[at_] != ')')
        return wrong("expecting closing parenthesis");
      ++at_;
    } else if (base::is_digit(c)) {
      value = TRY(number(false));
    } else {
      return wrong("expecting number or opening parenthesis");
    }
    --depth_;
    skip_blanks();
    return value;
  }

  base::Result<std::int64_t> number(bool negative) {
    int base = 10;
    if (radix_ == Radix::as_written && text_[at_] == '0') {
      base = 8;
      if (at_ + 1 < text_.size() && base::to_lower(text_[at_ + 1]) == 'x') {
        base = 16;
        at_ += 2;
      }
    }
    const char* start = text_.data() + at_;
    std::uint64_t magnitude = 0;
    auto [stop, error] =
        std::from_chars(start, text_.data() + text_.size(), magnitude, base);
    if (stop == start) return wrong("expecting a hexadecimal digit");
    at_ += static_cast<std::size_t>(stop - start);
    unsigned shift = at_ < text_.size() ? suffix_shift(text_[at_]) : 0;
    if (shift > 0) ++at_;
    auto value = with_sign(magnitude, shift, negative);
    if (error != std::errc() || !value) return wrong("number too large");
    return *value;
  }

  void skip_blanks() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  std::unexpected<base::Error> wrong(std::string_view what) const {
    return base::fail(base::Code::syntax, "error in sum: " + std::string(what) +
                                              " (after processing " +
                                              quote(text_.substr(0, at_)) + ")");
  }

  std::string_view text_;
  Radix radix_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

base::Result<std::int64_t> evaluate_sum(std::string_view text, Radix radix) {
  return Sum(text, radix).whole();
}

base::Result<std::int64_t> parse_number(std::string_view text) {
  std::string_view rest = text;
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  while (!rest.empty() && is_space(rest.back())) rest.remove_suffix(1);
  if (rest.empty()) return 0;
  bool negative = rest.front() == '-';
  if (negative || rest.front() == '+') rest.remove_prefix(1);
  unsigned shift = rest.empty() ? 0 : suffix_shift(rest.back());
  if (shift > 0) rest.remove_suffix(1);

  std::uint64_t magnitude = 0;
  const char* end = rest.data() + rest.size();
  auto [stop, error] = std::from_chars(rest.data(), end, magnitude);
  if (rest.empty() || stop != end || error == std::errc::invalid_argument)
    return base::fail(base::Code::syntax, quote(text) + " is not an integer");
  auto value = with_sign(magnitude, shift, negative);
  if (error != std::errc() || !value)
    return base::fail(base::Code::syntax, quote(text) + " is too large an integer");
  return *value;
}

std::optional<std::int64_t> plain_integer(std::string_view text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, number);
  if (stop != end || error == std::errc::invalid_argument) return std::nullopt;
  if (error == std::errc::result_out_of_range)
    return text.front() == '-' ? kSmallest : kLargest;
  return number;
}

std::string format_interval(std::chrono::seconds time) {
  struct Unit {
    std::int64_t seconds;
    char letter;
  };
  std::string out;
  std::int64_t left = time.count();
  for (auto [seconds, letter] : {Unit{604800, 'w'}, Unit{86400, 'd'}, Unit{3600, 'h'},
                                 Unit{60, 'm'}, Unit{1, 's'}}) {
    if (left / seconds == 0) continue;
    out += std::to_string(left / seconds) + letter;
    left %= seconds;
  }
  return out.empty() ? "0s" : out;
}

}  // namespace policy
