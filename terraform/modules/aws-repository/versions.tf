terraform {
  required_version = ">= 1.9.0"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"

      # The buckets lie in Tokyo and Osaka, so that the records never leave Japan. CloudFront,
      # its logs and its web ACL are managed in us-east-1 whatever the caller's region.
      configuration_aliases = [aws.tokyo, aws.osaka, aws.us_east_1]
    }
  }
}
