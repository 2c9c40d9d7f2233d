// Copyright The Spark Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The images that the suite uses beside the operator's, which config/manager names.
const (
	gatewayImage   = "sparkgateway/gateway:dev"
	nextImage      = "sparkgateway/gateway:e2e-next"
	rejectingImage = "sparkgateway/gateway:e2e-rejecting"
	providerImage  = "sparkgateway/fakeprovider:dev"
	loadImage      = "sparkgateway/e2e-load:dev"
)

// images is what is built, and from what.
var images = []struct{ name, program, version string }{
	{"sparkgateway/operator:dev", "./cmd/manager", "dev"},
	{gatewayImage, "./cmd/gateway", "dev"},
	{nextImage, "./cmd/gateway", "next"},
	{rejectingImage, "./test/e2e/rejecting", ""},
	{providerImage, "./test/fakeprovider/cmd", ""},
	{loadImage, "./test/e2e/load/cmd", ""},
}

// spaceLabel is on the namespaces of the tests; its value is this run's own.
const spaceLabel = "sparkgateway.dev/e2e"

var thisRun = strings.ToLower(rand.Text())

// root of the repository.
const root = "../.."

// system is where the operator lives.
const system = "spark-system"

// on is the cluster under test.
var on *cluster

func TestMain(m *testing.M) {
	code, err := suite(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func suite(m *testing.M) (code int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if on, err = connect(); err != nil {
		return 1, err
	}
	if err := loadImages(ctx); err != nil {
		return 1, err
	}
	remove, err := install(ctx)
	if os.Getenv("E2E_KEEP") != "1" {
		defer func() { err = errors.Join(err, remove()) }()
	}
	if err != nil {
		return 1, err
	}
	code = m.Run()
	return code, spacesGone(ctx)
}

// spacesGone waits for the namespaces of the tests, whose going no test waits for.
func spacesGone(ctx context.Context) error {
	if os.Getenv("E2E_KEEP") == "1" {
		return nil
	}
	if missing := poll(ctx, 2*time.Minute, func() string {
		var list corev1.NamespaceList
		if err := on.List(ctx, &list, client.MatchingLabels{spaceLabel: thisRun}); err != nil || len(list.Items) > 0 {
			return fmt.Sprintf("%d namespaces are left: %v", len(list.Items), err)
		}
		return ""
	}); missing != "" {
		return errors.New(missing)
	}
	return nil
}

// loadImages builds the programs and brings their images to the nodes.
func loadImages(ctx context.Context) error {
	loader := strings.Fields(os.Getenv("E2E_LOAD_IMAGE"))
	if len(loader) == 0 {
		progress("E2E_LOAD_IMAGE is not set: the images must be on the nodes")
		return nil
	}
	dir, err := os.MkdirTemp("", "spark-e2e-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	for i, image := range images {
		file := filepath.Join(dir, fmt.Sprint(i))
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X main.version="+image.version,
			"-o", file, image.program)
		build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", image.program, err, out)
		}
		load := exec.CommandContext(ctx, loader[0], append(loader[1:], image.name, "/program", file+":/program")...)
		if out, err := load.CombinedOutput(); err != nil {
			return fmt.Errorf("load %s: %w\n%s", image.name, err, out)
		}
		progress("loaded %s", image.name)
	}
	// One test alone needs it, and fails without.
	if noRedis = loadRedis(ctx, loader); noRedis != nil {
		progress("%v", noRedis)
	}
	return nil
}

// install applies config/default and waits until the operator runs this build. remove takes away what was not there
// before.
func install(ctx context.Context) (remove func() error, err error) {
	var before corev1.Namespace
	err = on.Get(ctx, types.NamespacedName{Name: system}, &before)
	if err != nil && !apierrors.IsNotFound(err) {
		return func() error { return nil }, err
	}
	found := err == nil
	remove = func() error {
		if found {
			return nil
		}
		progress("removing the operator")
		_, err := on.kubectl(context.Background(), "", "delete", "-k", root+"/config/default", "--ignore-not-found", "--timeout=2m")
		return err
	}
	if _, err := on.kubectl(ctx, "", "apply", "--server-side", "--force-conflicts", "-k", root+"/config/default"); err != nil {
		return remove, err
	}
	// The image's name may be the same as that of an earlier run.
	if _, err := on.kubectl(ctx, "", "-n", system, "rollout", "restart", "deployment/spark-operator"); err != nil {
		return remove, err
	}
	if _, err := on.kubectl(ctx, "", "-n", system, "rollout", "status", "deployment/spark-operator", "--timeout=2m"); err != nil {
		return remove, err
	}
	progress("the operator runs")
	return remove, nil
}

func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "e2e: %s "+format+"\n", append([]any{time.Now().UTC().Format(time.TimeOnly)}, args...)...)
}
