// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

// Command fakeprovider serves a fake LLM provider until it is interrupted; see package fakeprovider for how to steer
// its answers and make it misbehave.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/sparkgateway/spark/test/fakeprovider"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fakeprovider:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("fakeprovider", flag.ExitOnError)
	listen := flags.String("listen", "127.0.0.1:9000", "address to serve on; port 0 picks a free one")
	key := flags.String("api-key", "", "insist on one of these keys, separated by commas (default: no key is needed)")
	awsKeys := flags.String("aws-keys", "", "verify that requests to the Bedrock dialect are signed by one of these keys, as "+
		"ID:SECRET or ID:SECRET:SESSIONTOKEN, separated by commas (default: no signature is needed)")
	strict := flags.Bool("strict-models", false, "refuse models that are not listed")
	delay := flags.Duration("token-delay", 0, "pace of an answer, per token, unless the request says otherwise")
	models := flags.String("models", "", "models to list, separated by commas (default: a few)")
	logRequests := flags.Bool("log-requests", false, "write a JSON line for each finished request to stderr")
	_ = flags.Parse(args) // it exits on an error
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}

	signers, err := awsKeyPairs(*awsKeys)
	if err != nil {
		return err
	}
	options := fakeprovider.Options{
		APIKeys: list(*key), AWSKeys: signers, Models: list(*models), StrictModels: *strict, TokenDelay: *delay,
	}
	if *logRequests {
		options.Log = slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	server := fakeprovider.New(options)
	if err := server.Start(*listen); err != nil {
		return err
	}
	fmt.Printf("fakeprovider: serving %s/v1, /v1beta and /model, records at /fake/records, ready at /livez\n", server.URL())
	<-ctx.Done()
	return server.Close()
}

// awsKeyPairs reads --aws-keys; its errors hold no secrets.
func awsKeyPairs(flag string) ([]fakeprovider.AWSKey, error) {
	var keys []fakeprovider.AWSKey
	for i, pair := range list(flag) {
		id, rest, _ := strings.Cut(pair, ":")
		secret, token, _ := strings.Cut(rest, ":")
		if id == "" || secret == "" {
			return nil, fmt.Errorf("--aws-keys: key %d is not ID:SECRET", i+1)
		}
		keys = append(keys, fakeprovider.AWSKey{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token})
	}
	return keys, nil
}

func list(flag string) []string {
	if flag == "" {
		return nil
	}
	return strings.Split(flag, ",")
}
