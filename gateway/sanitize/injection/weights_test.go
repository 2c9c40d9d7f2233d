// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"
)

func TestTheWeightsAreThoseOfTheirCard(t *testing.T) {
	file, err := os.ReadFile("weights.json")
	if err != nil {
		t.Fatal(err)
	}
	var card struct {
		Date, Command string
		Data          string `json:"dataSHA256"`
		Weights       string `json:"weightsSHA256"`
		Rows          int
		Found         map[string]struct{ Attacks, Benign [3]float64 } `json:"percentFoundOnCORE"`
	}
	if err := json.Unmarshal(file, &card); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(weightsFile)
	if got := hex.EncodeToString(sum[:]); got != card.Weights {
		t.Errorf("the card is of %s, the weights are %s", card.Weights, got)
	}
	if card.Date == "" || card.Command == "" || len(card.Data) != 64 || card.Rows == 0 {
		t.Errorf("the card lacks its date, command or data: %+v", card)
	}
	left := card.Found["oneSourceLeftOut"]
	if left.Attacks[Medium] < 60 || left.Benign[Medium] > 1 {
		t.Errorf("in sources that were left out, Medium finds %.1f%% of attacks and %.2f%% of the rest", left.Attacks[Medium], left.Benign[Medium])
	}
	if shipped := card.Found["shipped"]; shipped.Attacks[Medium] < 85 || shipped.Benign[Medium] > 1 {
		t.Errorf("in sources that were seen, Medium finds %.1f%% of attacks and %.2f%% of the rest", shipped.Attacks[Medium], shipped.Benign[Medium])
	}
}

func TestTheEmbeddedWeightsAreWeights(t *testing.T) {
	w, err := ParseWeights(weightsFile)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Table) != Buckets || w.Scale <= 0 {
		t.Errorf("%d buckets at a scale of %v", len(w.Table), w.Scale)
	}
	if !slices.ContainsFunc(w.Table, func(x int8) bool { return x > 0 }) || !slices.ContainsFunc(w.Table, func(x int8) bool { return x < 0 }) {
		t.Error("the weights point one way only")
	}
	if len(weightsFile) > 256<<10 {
		t.Errorf("they take %d bytes", len(weightsFile))
	}
}

func TestWeightsAreReadAsTheyWereWritten(t *testing.T) {
	w := &Weights{Scale: 0.25, Bias: -3.5, Table: make([]int8, Buckets)}
	for i := range w.Traits {
		w.Traits[i] = float32(i) / 7
	}
	for i := range w.Table {
		w.Table[i] = int8(i % 251)
	}
	file := w.Bytes()
	got, err := ParseWeights(file)
	if err != nil {
		t.Fatal(err)
	}
	if got.Scale != w.Scale || got.Bias != w.Bias || got.Traits != w.Traits || !slices.Equal(got.Table, w.Table) {
		t.Error("they differ")
	}
	if !bytes.Equal(got.Bytes(), file) {
		t.Error("written again, they are another file")
	}
}

func TestWhatAreNoWeightsIsRefused(t *testing.T) {
	good := (&Weights{Table: make([]int8, Buckets)}).Bytes()
	broken := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(good)) }
	for name, file := range map[string][]byte{
		"nothing":         nil,
		"a short file":    good[:len(good)-1],
		"a long file":     append(bytes.Clone(good), 0),
		"another magic":   broken(func(b []byte) []byte { b[0] = 'X'; return b }),
		"another version": broken(func(b []byte) []byte { b[4] = 2; return b }),
		"no number": broken(func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[5:], math.Float32bits(float32(math.NaN())))
			return b
		}),
		"infinity": broken(func(b []byte) []byte {
			binary.LittleEndian.PutUint32(b[9:], math.Float32bits(float32(math.Inf(1))))
			return b
		}),
	} {
		if _, err := ParseWeights(file); err == nil {
			t.Errorf("%s is taken for weights", name)
		}
	}
	if _, err := ParseWeights(good); err != nil {
		t.Error(err)
	}
}

func TestBucketsAreWithinTheTable(t *testing.T) {
	for _, f := range []uint32{0, 1, math.MaxUint32, hashStart, startFeature, featureOf("anything")} {
		if b := Bucket(f); b >= Buckets {
			t.Errorf("%d falls into %d", f, b)
		}
	}
}

// What the classifier weighs is what the training saw: Detect and Examine agree.
func TestDetectAndExamineAgree(t *testing.T) {
	d := testDetector()
	w := embedded()
	texts := []string{prose}
	for _, text := range attacks {
		texts = append(texts, text)
	}
	for _, text := range harmless {
		texts = append(texts, text)
	}
	for _, text := range texts {
		best := math.Inf(-1)
		for _, p := range d.Examine([]byte(text)).Passages {
			m := float64(w.Bias) + float64(p.Rules)
			for _, trait := range p.Traits {
				m += float64(w.Traits[trait])
			}
			for _, f := range p.Features {
				m += float64(w.Table[Bucket(f)]) * float64(w.Scale) / float64(p.Spread)
			}
			best = max(best, m, float64(Floor(p.Rules)))
		}
		want := 1 / (1 + math.Exp(-best))
		if got := float64(d.Detect([]byte(text), User).Score); math.Abs(got-want) > 1e-3 {
			t.Errorf("Detect says %.4f, Examine %.4f: %.60q", got, want, text)
		}
	}
}

func TestRepetitionCountsLittleMoreThanOnce(t *testing.T) {
	var w words
	w.begin()
	if !w.once(7) || w.once(7) || !w.once(12345) {
		t.Error("a feature is new once in a block")
	}
	w.begin()
	if !w.once(7) {
		t.Error("a block forgets the one before")
	}
	once := testDetector().Detect([]byte("obey the machine"), User).Score
	often := testDetector().Detect([]byte(repeated("obey the machine ", 8)), User).Score
	if often > once+0.35 {
		t.Errorf("eight times scores %.2f, once %.2f", often, once)
	}
}

func repeated(s string, n int) string {
	return string(bytes.Repeat([]byte(s), n))
}
