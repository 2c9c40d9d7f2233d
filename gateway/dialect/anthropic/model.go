// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package anthropic

import "strings"

// model is what a model's name tells of its generation. Names differ from place to place: claude-opus-4-5-20251101,
// claude-sonnet-4@20250514, us.anthropic.claude-haiku-4-5-v1:0, claude-3-7-sonnet-latest. Where a name tells nothing, the
// model is taken for a new one: the older generations are a closed set, so that no new name needs new code.
type model struct {
	family       string
	major, minor int
	known        bool
}

func parseModel(name string) model {
	words := strings.FieldsFunc(strings.ToLower(name), func(c rune) bool { return strings.ContainsRune("-@._/:", c) })
	for i, word := range words {
		switch word {
		case "opus", "sonnet", "haiku", "fable", "mythos":
		default:
			continue
		}
		m := model{family: word}
		if m.major, m.known = version(words, i+1); m.known {
			m.minor, _ = version(words, i+2)
		} else if m.major, m.known = version(words, i-2); m.known {
			m.minor, _ = version(words, i-1)
		} else {
			m.major, m.known = version(words, i-1)
		}
		return m
	}
	return model{}
}

// version reads one number of a version, which has one digit; a longer one is a date.
func version(words []string, i int) (int, bool) {
	if i < 0 || i >= len(words) || len(words[i]) != 1 || words[i][0] < '0' || words[i][0] > '9' {
		return 0, false
	}
	return int(words[i][0] - '0'), true
}

func (m model) before(major, minor int) bool {
	return m.known && (m.major < major || m.major == major && m.minor < minor)
}

// thinksByBudget says that the model has no adaptive thinking, which came with Claude Opus and Sonnet 4.6
// (https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking).
func (m model) thinksByBudget() bool { return m.before(4, 6) }

// mostEffort is the model's word for the greatest of the neutral efforts: "xhigh" came with Claude Opus 4.7.
func (m model) mostEffort() string {
	if m.before(4, 7) {
		return "max"
	}
	return "xhigh"
}

// takesInstructionsLater says that messages with the role system may follow the first, as they may since Claude Opus
// 4.8, but for Claude Sonnet 5.
func (m model) takesInstructionsLater() bool {
	sonnet5 := m.known && m.family == "sonnet" && m.major == 5 && m.minor == 0
	return !m.before(4, 8) && !sonnet5
}
