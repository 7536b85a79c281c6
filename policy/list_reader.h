// SPDX-License-Identifier: Apache-2.0
//
// From the text of a list to its elements (spec/policy.md 3.5, 9.1 and 9.7).
//
// A list is read from the policy's own text, from a line of a file, or from the result
// of an expansion that is as good as the policy's text.  They differ in who hears of
// mistakes and in which names exist: that is what Surroundings are for.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "policy/list_elements.h"
#include "policy/list_steps.h"

namespace policy {

class Surroundings {
 public:
  virtual ~Surroundings() = default;
  virtual void error(Origin origin, std::string text) = 0;
  virtual void warning(Origin origin, std::string text) = 0;
  // Complains itself if there is no such list.
  virtual std::optional<Id> find_list(ListKind kind, std::string_view name,
                                      Origin origin) = 0;
  // So many mistakes that it is no use to go on.
  virtual bool full() const { return false; }
  // What the policy's own text is checked for besides.
  virtual void found_splice(Splice& /*splice*/, Origin) {}
  virtual void found_file(std::string_view /*path*/, Origin) {}
  virtual void found_lookup(const LookupSpec& /*spec*/, const Template& /*file*/,
                            Origin) {}
  virtual void need(Feature /*feature*/, std::string_view /*what*/, Origin) {}
  // What stands here may turn out to be a name to ask the DNS about.
  virtual void may_wait() {}
};

// One element: blanks round it are gone, its sign is not.
struct ListItem {
  Template text;
  Origin origin;
  bool last = false;
};

class ElementReader {
 public:
  ElementReader(ListKind kind, Surroundings& surroundings, char separator = ':',
                Switches switches = {});
  char separator() const { return separator_; }
  void set_separator(char separator) { separator_ = separator; }
  void add(ListItem item);
  // The index is built; nothing may be added any more.
  std::unique_ptr<Elements> finish();

 private:
  bool take_sign(Template& text, Origin origin);
  bool take_common(Template& text, Origin origin);
  bool take_switch(std::string_view name);
  bool take_lookup(Template& text, Origin origin);
  void take_text(Template text, Origin origin);
  void take_domain_special(std::string_view word, Origin origin);
  void take_address(Template text, Origin origin);
  void take_host(Template text, Origin origin);
  bool take_host_literal(std::string_view word, Origin origin);
  void take_name(Template text, Origin origin);
  void complain_of_torn(std::string_view word, Origin origin);
  bool may_have_names(std::string_view word, Origin origin);

  std::optional<ListPattern> pattern(Template text, Origin origin);
  Place new_place(std::string_view text, Origin origin);
  void add_step(StepPtr step);

  Surroundings& surroundings_;
  char separator_;
  Switches switches_;
  std::unique_ptr<Elements> elements_;
  bool negated_ = false;
  bool part_ = false;  // the domain of an address: an expansion is only text
  std::size_t patterns_ = 0;
  bool torn_said_ = false;
  bool torn_ = false;  // the item before may be a part of an IPv6 address
  bool everything_ = false, warned_ = false;  // behind "*"
  bool full_ = false;
};

// The policy's text, after its expansions were read.
std::unique_ptr<Elements> read_list(ListKind kind, const SourceText& source,
                                    Template text, Surroundings& surroundings);
// A text without expansions that stands for itself: what a splice comes to.
std::unique_ptr<Elements> read_list_value(ListKind kind, std::string_view text,
                                          char separator, const Switches& switches,
                                          Surroundings& surroundings,
                                          Origin origin = {});
// The lines of a file.
base::Result<std::shared_ptr<const Elements>> read_list_file(ListKind kind,
                                                             std::string text,
                                                             const Switches& switches);

// Escapes processed, with the offset in `source` that each byte came from.
struct Unescaped {
  std::string text;
  std::vector<std::uint32_t> offsets;
};
Unescaped unescape(std::string_view source, std::size_t begin, std::size_t end);

}  // namespace policy
