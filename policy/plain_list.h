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

namespace policy {

// Walks over a list.  The text must outlive it.
class ListReader {
 public:
  explicit ListReader(std::string_view list);
  // Of a list whose separator is known already.
  ListReader(std::string_view list, char separator)
      : rest_(list), separator_(separator) {}

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

// Writes a list, such as ${map}, ${filter} and ${sort} return.  Separators in elements
// are doubled; an element that is empty or starts with the separator gets a blank in
// front, unless it is the first, so that it does not melt into its neighbour.
class ListWriter {
 public:
  explicit ListWriter(std::string& out, char separator)
      : out_(out), separator_(separator) {}

  void add(std::string_view element);

 private:
  std::string& out_;
  char separator_;
  bool first_ = true;
};

// ${listquote}: `text` as one element of a list separated by the first character of
// `separator`; without one, the text as it is.
std::string quote_element(std::string_view separator, std::string_view text);

}  // namespace policy
