# Delivery logs (standard logging v2, no ACL needed) and alarms.

resource "aws_cloudwatch_log_delivery_source" "distribution" {
  provider = aws.us_east_1

  name         = var.name
  log_type     = "ACCESS_LOGS"
  resource_arn = aws_cloudfront_distribution.repository.arn
  tags         = var.tags
}

resource "aws_cloudwatch_log_delivery_destination" "logs" {
  provider = aws.us_east_1

  name          = var.name
  output_format = "json"
  tags          = var.tags

  delivery_destination_configuration {
    destination_resource_arn = aws_s3_bucket.logs.arn
  }
}

resource "aws_cloudwatch_log_delivery" "distribution" {
  provider = aws.us_east_1

  delivery_source_name     = aws_cloudwatch_log_delivery_source.distribution.name
  delivery_destination_arn = aws_cloudwatch_log_delivery_destination.logs.arn
  tags                     = var.tags

  s3_delivery_configuration {
    suffix_path                 = "/{DistributionId}/{yyyy}/{MM}/{dd}"
    enable_hive_compatible_path = false
  }

  depends_on = [aws_s3_bucket_policy.logs]
}

# The publishing host pushes the age of each CRL as relying parties see it. When the host, its
# network or its clock stands still the figure stays away, and that is an alarm as well.
resource "aws_cloudwatch_metric_alarm" "crl_age" {
  for_each = var.issuers
  provider = aws.us_east_1

  alarm_name          = "${var.name}-crl-age-${each.key}"
  alarm_description   = "The public CRL of ${each.key} is too old, or nobody measured it"
  namespace           = local.namespace
  metric_name         = "CRLAgeSeconds"
  dimensions          = { Repository = var.name, Issuer = each.key }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  threshold           = each.value
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  provider = aws.us_east_1

  alarm_name          = "${var.name}-5xx"
  alarm_description   = "The edge answers with errors: relying parties may not get revocations"
  namespace           = "AWS/CloudFront"
  metric_name         = "5xxErrorRate"
  dimensions          = { DistributionId = aws_cloudfront_distribution.repository.id, Region = "Global" }
  statistic           = "Average"
  period              = 300
  evaluation_periods  = 2
  threshold           = var.error_rate_alarm_percent
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching" # no request, no error; the age of the CRLs covers silence
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "replication" {
  provider = aws.tokyo

  alarm_name          = "${var.name}-replication"
  alarm_description   = "Osaka is behind Tokyo; a failover would serve older copies"
  namespace           = "AWS/S3"
  metric_name         = "ReplicationLatency"
  dimensions          = { SourceBucket = local.buckets.tokyo, DestinationBucket = local.buckets.osaka, RuleId = "osaka" }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 3
  threshold           = 900
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching" # S3 sends no figure while nothing is written
  alarm_actions       = var.replication_topic_arns
  ok_actions          = var.replication_topic_arns
  tags                = var.tags
}
