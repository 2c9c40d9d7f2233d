// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command sanitizer trains the classifier of prompt injections, and measures what the sanitizer finds.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/sparkgateway/spark/gateway/sanitize/injection"
)

func main() {
	data := flag.String("data", "../shared/data", "the directory of prompts.jsonl and pii.jsonl")
	out := flag.String("out", "", "train, and write the weights and their card into this directory")
	date := flag.String("date", "", "the date of the card")
	only := flag.String("only", "", "evaluate only injection, or pii")
	flag.Parse()
	var err error
	switch {
	case *out != "":
		err = trainInto(os.Stdout, *data, *out, *date)
	case *only == "pii":
		err = evalPII(os.Stdout, *data)
	default:
		if err = evalInjection(os.Stdout, *data); err == nil && *only == "" {
			fmt.Println()
			err = evalPII(os.Stdout, *data)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// measured are the scores of the three ways to evaluate.
type measured struct{ sources, random, shipped []float64 }

func measure(all []prompt, own []prompt) measured {
	d := injection.Untrained()
	samples, contrast := newSamples(d, all), newSamples(d, own)
	return measured{
		sources: leaveOut(all, samples, contrast, func(i int) string { return all[i].group }),
		random:  leaveOut(all, samples, contrast, func(i int) string { return fmt.Sprint(i * 7919 % 5) }),
		shipped: detected(all),
	}
}

// evalInjection prints what the detector finds: in sources that the classifier had not seen, in random folds, and with the
// weights that are shipped.
func evalInjection(w io.Writer, data string) error {
	all, _, err := readPrompts(data)
	if err != nil {
		return err
	}
	m := measure(all, contrasts())
	_, _ = fmt.Fprintln(w, "The classifier never saw the fold it is measured on. The rules are written by hand, by people who saw all sources.")
	report(w, "one source left out", all, m.sources)
	curve(w, all, m.sources)
	misses(w, all, m.sources)
	calibration(w, all, m.sources)
	report(w, "five random folds", all, m.random)
	curve(w, all, m.random)
	report(w, "the shipped weights, which saw CORE", all, m.shipped)
	curve(w, all, m.shipped)
	speed(w, all)
	return nil
}

// card is what is known of weights.
type card struct {
	Date     string            `json:"date"`
	Command  string            `json:"command"`
	Data     string            `json:"dataSHA256"`
	Rows     int               `json:"rows"`
	Weights  string            `json:"weightsSHA256"`
	Settings settings          `json:"settings"`
	Found    map[string]shares `json:"percentFoundOnCORE"`
}

// shares are percents at Low, Medium and High.
type shares struct {
	Attacks [3]float64 `json:"attacks"`
	Benign  [3]float64 `json:"benign"`
}

func sharesOf(t total) (s shares) {
	for i := injection.Low; i <= injection.High; i++ {
		s.Attacks[i], s.Benign[i] = rounded(t.attacks.percent(i)), rounded(t.benign.percent(i))
	}
	return s
}

func rounded(x float64) float64 { return float64(int(x*100+0.5)) / 100 }

// trainInto trains on CORE and our own texts, and writes weights.bin and weights.json.
func trainInto(w io.Writer, data, dir, date string) error {
	all, digest, err := readPrompts(data)
	if err != nil {
		return err
	}
	d := injection.Untrained()
	own := contrasts()
	samples, contrast := newSamples(d, all), newSamples(d, own)
	rest := contrast[:len(contrast):len(contrast)]
	for i := range all {
		if all[i].core {
			rest = append(rest, samples[i])
		}
	}
	weights := train(rest, chosen).weights()
	file := weights.Bytes()
	sum := sha256.Sum256(file)
	shipped := injection.New(weights)
	scores := make([]float64, len(all))
	for i := range all {
		scores[i] = logOdds(shipped.Detect([]byte(all[i].Text), injection.User).Score)
	}
	c := card{Date: date, Command: "make train-sanitizer", Data: digest, Rows: len(all), Weights: hex.EncodeToString(sum[:]), Settings: chosen,
		Found: map[string]shares{
			"oneSourceLeftOut": sharesOf(core(all, leaveOut(all, samples, contrast, func(i int) string { return all[i].group }))),
			"fiveRandomFolds":  sharesOf(core(all, leaveOut(all, samples, contrast, func(i int) string { return fmt.Sprint(i * 7919 % 5) }))),
			"shipped":          sharesOf(core(all, scores)),
		}}
	text, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "%s\n", text)
	if err := os.WriteFile(filepath.Join(dir, "weights.bin"), file, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "weights.json"), append(text, '\n'), 0o644)
}
