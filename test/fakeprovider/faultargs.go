// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeprovider

import (
	"errors"
	"fmt"
	"time"
)

var errNoArgument = errors.New("takes no argument")

// duration sets a wait; without a fallback the argument is needed.
func duration(field func(*Faults) *time.Duration, fallback time.Duration) func(*Faults, []string) error {
	return func(f *Faults, args []string) error {
		wait, err := optionalWait(args, fallback)
		if err != nil {
			return err
		}
		if wait <= 0 {
			return errors.New("needs a duration above zero, as in :250ms")
		}
		*field(f) = wait
		return nil
	}
}

func flag(field func(*Faults) *bool) func(*Faults, []string) error {
	return func(f *Faults, args []string) error {
		if len(args) > 0 {
			return errNoArgument
		}
		*field(f) = true
		return nil
	}
}

func usage(fault UsageFault) func(*Faults, []string) error {
	return func(f *Faults, args []string) error {
		if len(args) > 0 {
			return errNoArgument
		}
		if f.Usage != "" {
			return fmt.Errorf("excludes %q", f.Usage)
		}
		f.Usage = fault
		return nil
	}
}

func bigLine(f *Faults, args []string) error {
	size, err := optionalCount(args, DefaultBigLine, 1, maxBigLine)
	f.BigLine = size
	return err
}

func ending(end Ending) func(*Faults, []string) error {
	return func(f *Faults, args []string) error {
		if len(args) > 0 {
			return errNoArgument
		}
		return f.endWith(end)
	}
}

func endingAfter(end Ending, fallback int) func(*Faults, []string) error {
	return func(f *Faults, args []string) error {
		after, err := optionalCount(args, fallback, 0, maxAfter)
		if err != nil {
			return err
		}
		f.After = after
		return f.endWith(end)
	}
}

func errorEvent(f *Faults, args []string) error {
	f.Status = 500
	if len(args) == 2 {
		code, err := parseCount(args[1], 400, 599)
		if err != nil {
			return err
		}
		f.Status, args = code, args[:1]
	}
	return endingAfter(EndErrorEvent, defaultEvents)(f, args)
}

func status(f *Faults, args []string) error {
	if len(args) == 0 || len(args) > 2 {
		return errors.New("wants a code and perhaps a retry-after, as in status:503:2s")
	}
	code, err := parseCount(args[0], 400, 599)
	if err != nil {
		return err
	}
	if len(args) == 2 {
		if f.RetryAfter, err = parseWait(args[1]); err != nil {
			return err
		}
	}
	f.Status = code
	return f.endWith(EndStatus)
}

func rateLimit(f *Faults, args []string) error {
	wait, err := optionalWait(args, time.Second)
	if err != nil {
		return err
	}
	f.Status, f.RetryAfter = 429, wait
	return f.endWith(EndStatus)
}

func (f *Faults) endWith(end Ending) error {
	if f.Ending != "" {
		return fmt.Errorf("an answer ends in one way only, and %q was given before", f.Ending)
	}
	f.Ending = end
	return nil
}

func optionalCount(args []string, fallback, least, most int) (int, error) {
	switch len(args) {
	case 0:
		return fallback, nil
	case 1:
		return parseCount(args[0], least, most)
	}
	return 0, errors.New("takes one argument")
}

func optionalWait(args []string, fallback time.Duration) (time.Duration, error) {
	switch len(args) {
	case 0:
		return fallback, nil
	case 1:
		return parseWait(args[0])
	}
	return 0, errors.New("takes one argument")
}
