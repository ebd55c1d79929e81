# Reference numbers of pROC (and boot's BCa, and base R's Wilson intervals), written to proc.json beside this file.
#
#   apt-get install r-cran-proc r-cran-boot r-cran-jsonlite
#   Rscript tests/reference/proc.R
#
# The samples are drawn here and stored with the numbers, so the tests need no R.

suppressMessages({
  library(pROC)
  library(boot)
  library(jsonlite)
})
set.seed(20210)

sample_of <- function(positives, negatives, shift, digits) {
  labels <- c(rep(1, positives), rep(0, negatives))
  common <- rnorm(length(labels)) + shift * labels
  list(
    labels = labels,
    a = round(common + 0.5 * rnorm(length(labels)), digits),
    b = round(common + 1.0 * rnorm(length(labels)), digits)
  )
}

samples <- list(
  distinct = sample_of(40, 60, 1.0, 6),
  ties = sample_of(50, 70, 0.8, 0),
  few = sample_of(4, 30, 1.2, 6),
  worse_than_chance = sample_of(25, 25, -0.7, 6),
  large = sample_of(120, 200, 0.9, 2)
)

area <- function(labels, scores) {
  m <- sum(labels == 1)
  (mean(rank(scores)[labels == 1]) - (m + 1) / 2) / (length(labels) - m)
}

figures <- function(s) {
  roc_a <- roc(s$labels, s$a, levels = c(0, 1), direction = "<", quiet = TRUE)
  roc_b <- roc(s$labels, s$b, levels = c(0, 1), direction = "<", quiet = TRUE)
  test <- roc.test(roc_a, roc_b, paired = TRUE, method = "delong")
  best <- coords(roc_a, "best", best.method = "youden", transpose = FALSE)
  best <- best[nrow(best), ]
  all <- coords(roc_a, "all", transpose = FALSE)
  specific <- all[all$specificity >= 0.9, ]
  out <- list(
    labels = s$labels, a = s$a, b = s$b,
    auc_a = as.numeric(auc(roc_a)), auc_b = as.numeric(auc(roc_b)),
    delong = as.numeric(ci.auc(roc_a, method = "delong")),
    delong_90 = as.numeric(ci.auc(roc_a, method = "delong", conf.level = 0.9)),
    variance_a = as.numeric(var(roc_a, method = "delong")),
    covariance = as.numeric(cov(roc_a, roc_b, method = "delong")),
    test_p = as.numeric(test$p.value),
    test_interval = as.numeric(test$conf.int),
    youden = list(threshold = best$threshold, sensitivity = best$sensitivity, specificity = best$specificity),
    sensitivity_at_specificity_0.9 = max(specific$sensitivity)
  )
  if (length(s$labels) <= 120) {
    out$bootstrap <- as.numeric(ci.auc(roc_a, method = "bootstrap", boot.n = 4000, boot.stratified = TRUE))
    out$bootstrap_test_p <- as.numeric(roc.test(roc_a, roc_b, paired = TRUE, method = "bootstrap", boot.n = 2000)$p.value)
    drawn <- boot(seq_along(s$labels), function(d, i) area(s$labels[i], s$a[i]), R = 20000, strata = s$labels)
    out$bca <- boot.ci(drawn, type = "bca")$bca[4:5]
  }
  out
}

wilson <- function(successes, trials) {
  suppressWarnings(as.numeric(prop.test(successes, trials, correct = FALSE)$conf.int))
}
proportions <- list(c(0, 5), c(1, 1), c(3, 10), c(50, 50), c(181, 263), c(1, 400))

skewed <- round(rexp(25), 6)
drawn <- boot(skewed, function(d, i) mean(d[i]), R = 20000)

folder <- dirname(normalizePath(sub("--file=", "", grep("--file=", commandArgs(), value = TRUE))))
write_json(
  list(
    versions = list(
      R = R.version.string, pROC = as.character(packageVersion("pROC")), boot = as.character(packageVersion("boot"))
    ),
    samples = lapply(samples, figures),
    wilson = lapply(proportions, function(p) list(successes = p[1], trials = p[2], interval = wilson(p[1], p[2]))),
    mean = list(values = skewed, percentile = boot.ci(drawn, type = "perc")$percent[4:5],
                bca = boot.ci(drawn, type = "bca")$bca[4:5])
  ),
  file.path(folder, "proc.json"), digits = 15, auto_unbox = TRUE
)
