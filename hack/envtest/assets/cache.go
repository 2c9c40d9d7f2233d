// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sparkgateway/spark/hack/envtest/step"
)

// missingPrograms names what dir lacks; a file that cannot be executed counts as missing.
func missingPrograms(dir string) []string {
	var missing []string
	for _, name := range Programs {
		stat, err := os.Stat(filepath.Join(dir, name))
		if err != nil || !stat.Mode().IsRegular() || stat.Mode().Perm()&0o111 == 0 {
			missing = append(missing, name)
		}
	}
	return missing
}

// fetchInto lets the source fill a directory beside dir and renames it, so that dir is never half full.
func fetchInto(ctx context.Context, source Source, dir string) error {
	partial, err := os.MkdirTemp(filepath.Dir(dir), "partial-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(partial) }()
	if err := source.Fetch(ctx, partial); err != nil {
		return err
	}
	if missing := missingPrograms(partial); len(missing) > 0 {
		return fmt.Errorf("it did not bring %v", missing)
	}
	if err := os.Chmod(partial, 0o755); err != nil {
		return err
	}
	// an incomplete directory of an interrupted clean-up would refuse the rename
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(partial, dir)
}

// lock waits until this process alone holds the lock file; the kernel frees it when the process ends in any way.
func lock(ctx context.Context, path string, progress io.Writer) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	retry := time.NewTicker(500 * time.Millisecond)
	defer retry.Stop()
	began, told := time.Now(), time.Time{}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = file.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		if time.Since(told) > step.Heartbeat {
			_, _ = fmt.Fprintf(progress, "another process is fetching etcd and kube-apiserver, waiting (%s)\n", since(began))
			told = time.Now()
		}
		select {
		case <-ctx.Done():
			_ = file.Close()
			return nil, ctx.Err()
		case <-retry.C:
		}
	}
}
