// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import "strings"

// Sensitivity is how much evidence a finding needs.
type Sensitivity uint8

// Sensitivities, from the fewest findings to the most. See the card of the weights for what each costs and catches.
const (
	Low Sensitivity = iota
	Medium
	High
)

func (s Sensitivity) String() string {
	switch s {
	case Low:
		return "Low"
	case High:
		return "High"
	}
	return "Medium"
}

// Source is who wrote a text: what is common in one is suspicious in another.
type Source uint8

// Sources of a text. The zero value is a user's message.
const (
	User Source = iota
	System
	Tool
)

// Reasons are the families of evidence that a finding rests on.
type Reasons uint16

// Families of evidence.
const (
	Override   Reasons = 1 << iota // earlier instructions are to be disregarded
	Extract                        // hidden instructions or secrets are asked for
	Persona                        // a role that knows no rules
	Hijack                         // a new task takes the place of the one that is set
	Dictate                        // the answer is dictated to the letter
	Suppress                       // refusing is forbidden
	Delimiter                      // a turn or a frame of the conversation is forged
	Exfiltrate                     // data is to be sent elsewhere
	Encoded                        // an instruction is encoded, spelled or reversed
	Hidden                         // an instruction is written in invisible or disguised characters
	Classifier                     // the words as a whole
)

var reasonNames = [...]string{"override", "extract", "persona", "hijack", "dictate", "suppress", "delimiter", "exfiltrate",
	"encoded", "hidden", "classifier"}

// Strings are the stable names of the reasons, in the order of their declaration.
func (r Reasons) Strings() []string {
	var names []string
	for i, name := range reasonNames {
		if r>>i&1 == 1 {
			names = append(names, name)
		}
	}
	return names
}

// String joins the names by commas.
func (r Reasons) String() string { return strings.Join(r.Strings(), ",") }

// family is what a rule belongs to: the index of a reason, or one of those that are no reason by themselves.
type family uint8

const (
	familyOverride family = iota
	familyExtract
	familyPersona
	familyHijack
	familyDictate
	familySuppress
	familyDelimiter
	familyExfiltrate
	familyEncoded
	familyHidden
	familyBenign // speaks against an attack
	families
)

var familyNames = map[string]family{"override": familyOverride, "extract": familyExtract, "persona": familyPersona,
	"hijack": familyHijack, "dictate": familyDictate, "suppress": familySuppress, "delimiter": familyDelimiter,
	"exfiltrate": familyExfiltrate, "encoded": familyEncoded, "hidden": familyHidden, "benign": familyBenign}

// Finding is what was found in one text.
type Finding struct {
	// Score is how likely the text is an attack, from 0 to 1, as it was in the data that the weights were trained on.
	Score float32
	// Reasons say why, when Score is not small.
	Reasons Reasons
}

// thresholds are the least scores of Low, Medium and High. They are chosen on sources that the classifier had not seen: the
// card of the weights says what each finds.
var thresholds = [...]float32{0.95, 0.815, 0.6}

// Exceeds says whether the finding counts at a sensitivity.
func (f Finding) Exceeds(s Sensitivity) bool { return f.Score >= thresholds[min(s, High)] }

// Threshold is the least score that counts at a sensitivity.
func Threshold(s Sensitivity) float32 { return thresholds[min(s, High)] }
