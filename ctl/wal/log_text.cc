#include "ctl/wal/log_text.h"

#include <functional>
#include <nlohmann/json.hpp>
#include <vector>

#include "ctl/client/inspection.h"
#include "ctl/output/text.h"
#include "schema/graph/diagnostic.h"

namespace weir::ctl {
namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

std::string text_of(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) return graph::printable(value.get<std::string>());
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const Json& one : value) text += (text.empty() ? "" : ",") + text_of(one);
  return text.empty() ? "-" : text;
}

// "a 1, b 2": the fields of a small object that say anything.
std::string fields_of(const Json& object) {
  std::string text;
  for (const auto& [name, value] : object.items()) {
    if (value.is_null() || value == "" || value == false) continue;
    text += text.empty() ? "" : ", ";
    text += name + (value == true ? "" : " " + text_of(value));
  }
  return text.empty() ? "-" : text;
}

std::string name_of(const Json& log) {
  const std::string pipeline = text_of(log.at("pipeline"));
  if (pipeline.empty()) return "of an unknown node";
  return pipeline + "/" + text_of(log.at("node")) + "." + text_of(log.at("instance"));
}

// The fields of each object under a title of their own.
std::string table_of(const Json& objects, const std::vector<const char*>& fields) {
  Rows rows(1);
  for (const char* field : fields) {
    std::string title(field);
    for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    rows[0].push_back(std::move(title));
  }
  for (const Json& object : objects) {
    std::vector<std::string>& row = rows.emplace_back();
    for (const char* field : fields) row.push_back(text_of(object.at(field)));
  }
  return table(rows);
}

std::string at_stake(const Json& sole_copy) {
  if (sole_copy.is_null()) return "";
  return sole_copy.get<bool>()
             ? "What is damaged is nowhere else: the node stays stopped until it is restored, or "
               "the log is moved away.\n"
             : "Upstream holds what is needed to make this log again: when the node is started it "
               "sets the log\naside and goes on; records may be seen twice, and dead letters stay "
               "in what was set aside.\n";
}

std::string verified(const Json& log) {
  const Json& damages = log.at("damages");
  const std::string sizes = text_of(log.at("records")) + " records in " +
                            text_of(log.at("blocks")) + " blocks, " + text_of(log.at("bytes")) +
                            " bytes; " + text_of(log.at("dead_letters")) + " dead letters\n";
  const std::string name = "log " + name_of(log) + ": ";
  if (damages.empty()) return name + "whole: " + sizes;
  return name + "damaged; what can be read: " + sizes +
         table_of(damages, {"file", "affected", "what"}) + at_stake(log.at("sole_copy"));
}

std::string dumped(const Json& log) {
  std::string text = "log        " + name_of(log) + "\n";
  text += "sole copy  " + std::string(log.at("sole_copy").get<bool>() ? "yes" : "no") + "\n";
  text += "commit     " + fields_of(log.at("commit")) + "\n";
  if (!log.at("attempts").is_null()) text += "attempts   " + fields_of(log.at("attempts")) + "\n";
  const struct {
    const char* list;
    std::vector<const char*> fields;
  } kTables[] = {{"history", {"term", "boot", "nonce", "first", "last"}},
                 {"inputs", {"lane", "seen", "frontier", "enough", "ended"}},
                 {"extents", {"unit", "lane", "from", "to"}},
                 {"fed", {"lane", "to"}},
                 {"hash_points", {"offset", "hash"}},
                 {"abandoned", {"lane", "from", "to"}},
                 {"trim_groups", {"last", "bytes"}},
                 {"dead_letters", {"number", "lane", "record", "unit", "reason", "bytes"}},
                 {"blocks", {"first", "last", "records", "bytes", "flags", "published", "file"}}};
  for (const auto& [list, fields] : kTables) {
    const Json& objects = log.at(list);
    if (!objects.empty()) text += std::string("\n") + list + "\n" + table_of(objects, fields);
  }
  const size_t left = log.at("blocks_total").get<size_t>() - log.at("blocks").size();
  if (left > 0) text += "... and " + std::to_string(left) + " blocks more\n";
  return text;
}

Result<std::string> rendered(const Json& log, std::string (*render)(const Json&)) {
  try {
    return render(log);
  } catch (const nlohmann::json::exception& wrong) {
    return strange_answer(wrong.what());
  }
}

}  // namespace

Result<Json> read_log_answer(const std::string& text) {
  Json log = Json::parse(text, nullptr, false);
  if (!log.is_object()) return strange_answer("no JSON");
  return log;
}

Result<std::string> verified_text(const Json& log) { return rendered(log, verified); }
Result<std::string> dump_text(const Json& log) { return rendered(log, dumped); }

}  // namespace weir::ctl
