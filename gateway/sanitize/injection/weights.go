// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package injection

import (
	"bytes"
	_ "embed" // the weights are a file
	"encoding/binary"
	"errors"
	"math"
	"sync"
)

// Weights are those of the classifier, one byte each, by the hash of the feature.
type Weights struct {
	// Scale is what one step of Table is worth, in log-odds.
	Scale float32
	// Bias is the log-odds of a passage of which nothing is known.
	Bias float32
	// Traits are the weights of what a passage is as a whole.
	Traits [Traits]float32
	// Table has Buckets entries.
	Table []int8
}

// Buckets is how many weights there are.
const Buckets = 1 << bucketBits

const bucketBits = 17

// Bucket is where the weight of a feature stands.
func Bucket(feature uint32) uint32 { return feature * golden >> (32 - bucketBits) }

//go:embed weights.bin
var weightsFile []byte

// weightsMagic begins a file of weights; its last byte is the version of the format.
const weightsMagic = "SPIW\x01"

var errWeights = errors.New("injection: these are no weights of this version")

// embedded are the weights that come with the package.
var embedded = sync.OnceValue(func() *Weights {
	w, err := ParseWeights(weightsFile)
	if err != nil {
		panic(err)
	}
	return w
})

// ParseWeights reads what Bytes wrote.
func ParseWeights(file []byte) (*Weights, error) {
	rest, ok := bytes.CutPrefix(file, []byte(weightsMagic))
	if !ok || len(rest) != 4*(2+Traits)+Buckets {
		return nil, errWeights
	}
	w := &Weights{Table: make([]int8, Buckets)}
	for _, value := range w.floats() {
		*value = math.Float32frombits(binary.LittleEndian.Uint32(rest))
		if v := float64(*value); math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, errWeights
		}
		rest = rest[4:]
	}
	for i := range w.Table {
		w.Table[i] = int8(rest[i])
	}
	return w, nil
}

// Bytes is the file of the weights.
func (w *Weights) Bytes() []byte {
	file := []byte(weightsMagic)
	for _, value := range w.floats() {
		file = binary.LittleEndian.AppendUint32(file, math.Float32bits(*value))
	}
	for _, value := range w.Table {
		file = append(file, byte(value))
	}
	return file
}

// floats are the numbers of the file before the table, in their order.
func (w *Weights) floats() []*float32 {
	all := []*float32{&w.Scale, &w.Bias}
	for i := range w.Traits {
		all = append(all, &w.Traits[i])
	}
	return all
}
