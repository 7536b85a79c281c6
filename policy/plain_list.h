// SPDX-License-Identifier: Apache-2.0
//
// Lists that are data: a separator, elements, separators in elements doubled
// (spec/policy.md section 9.1; Exim manual, "List construction").
//
// Nothing in an element means anything here; patterns and names are another matter.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace policy {

// Walks over a list.  The text must outlive it.
class ListReader {
 public:
  explicit ListReader(std::string_view list);

  // What separates: a colon, or what a leading "<x" says.
  char separator() const { return separator_; }
  // The next element, blanks removed; false at the end.  `element` is a view into the
  // list, or into this reader until the next call if separators had to be undoubled.
  bool next(std::string_view& element);

 private:
  std::string_view rest_;
  char separator_ = ':';
  std::string undoubled_;
};

struct PlainList {
  char separator = ':';
  std::vector<std::string> elements;
};
PlainList split_list(std::string_view list);
std::size_t count_elements(std::string_view list);

// Writes the list that ${map}, ${filter} and ${sort} return.
class ListWriter {
 public:
  enum class Blanks {
    keep_elements,  // a blank before what would otherwise vanish (map, filter)
    none,           // sort
  };
  explicit ListWriter(std::string& out, char separator,
                      Blanks blanks = Blanks::keep_elements)
      : out_(out), separator_(separator), blanks_(blanks) {}

  void add(std::string_view element);

 private:
  std::string& out_;
  char separator_;
  Blanks blanks_;
  bool first_ = true;
};

// ${listquote}: `text` as one element of a list separated by the first character of
// `separator`.  Code::syntax if that is not one we take.
base::Result<std::string> quote_element(std::string_view separator,
                                        std::string_view text);

}  // namespace policy
