package storage_test

import (
	"testing"

	"docuvault/shared/storage/storagetest"
)

func TestS3Conforms(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, storagetest.S3)
}
