#include "uci_names.h"

#include <string.h>

/* Slugs are made when a set is donated and do not follow its title, so they are recorded here and
 * never computed. */
static const UciName names[] = {
    {2, "adult", NULL, NULL, "adult"},
    {5, "arrhythmia", NULL, NULL, "arrhythmia"},
    {14, "breast+cancer", NULL, NULL, "breast-cancer"},
    {15, NULL, NULL, "Breast Cancer Wisconsin (Original)",
     "breast-cancer-wisconsin/breast-cancer-wisconsin.data"},
    {16, NULL, NULL, "Breast Cancer Wisconsin (Prognostic)", "breast-cancer-wisconsin/wpbc.data"},
    {17, "breast+cancer+wisconsin+diagnostic", NULL, NULL, "breast-cancer-wisconsin/wdbc.data"},
    {33, "dermatology", NULL, NULL, "dermatology"},
    {38, NULL, NULL, "Echocardiogram", "echocardiogram"},
    {43, "haberman+s+survival", NULL, NULL, "haberman"},
    {45, "heart+disease", NULL, NULL, "heart-disease"},
    {46, "hepatitis", NULL, NULL, "hepatitis"},
    {47, "horse+colic", NULL, NULL, "horse-colic"},
    {53, "iris", NULL, NULL, "iris"},
    {54, "isolet", NULL, NULL, "isolet"},
    {60, "liver+disorders", NULL, NULL, "liver-disorders"},
    {62, NULL, NULL, "Lung Cancer", "lung-cancer"},
    {63, "lymphography", NULL, NULL, "lymphography"},
    {102, "thyroid+disease", NULL, NULL, "thyroid-disease"},
    {109, "wine", NULL, NULL, "wine"},
    {121, "eeg+database", NULL, NULL, "eeg-mld"},
    {161, NULL, NULL, "Mammographic Mass", "mammographic-masses"},
    {174, "parkinsons", NULL, NULL, "parkinsons"},
    {176, NULL, NULL, "Blood Transfusion Service Center", "blood-transfusion"},
    {184, NULL, NULL, "Acute Inflammations", "acute"},
    {186, "wine+quality", NULL, NULL, "wine-quality"},
    {189, "parkinsons+telemonitoring", NULL, NULL, "parkinsons/telemonitoring"},
    {193, "cardiotocography", NULL, NULL, NULL},
    {212, "vertebral+column", NULL, NULL, NULL},
    {225, NULL, NULL, "ILPD (Indian Liver Patient Dataset)", NULL},
    {240, "human+activity+recognition+using+smartphones", NULL, NULL, NULL},
    {296, "diabetes+130-us+hospitals+for+years+1999-2008", NULL, NULL, NULL},
    {301, "parkinson+speech+dataset+with+multiple+types+of+sound+recordings",
     "parkinson+speech+dataset+with++multiple+types+of+sound+recordings", NULL, NULL},
    {320, "student+performance", NULL, NULL, NULL},
    {336, "chronic+kidney+disease", NULL, "Chronic_Kidney_Disease", NULL},
    {383, "cervical+cancer+risk+factors", NULL, "Cervical cancer (Risk Factors)", NULL},
    {470, "parkinson+s+disease+classification", NULL, NULL, NULL},
    {502, "online+retail+ii", NULL, NULL, NULL},
    {519, "heart+failure+clinical+records", NULL, NULL, NULL},
    {571, "hcv+data", NULL, NULL, NULL},
    {878, "cirrhosis+patient+survival+prediction+dataset-1", NULL, NULL, NULL},
    {891, "cdc+diabetes+health+indicators", NULL, NULL, NULL},
};

const UciName *uci_name_by_id(int id)
{
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].id == id)
            return &names[i];
    return NULL;
}

/* Letters and digits in lower case. Owned. */
static char *simplify(const char *name)
{
    GString *simple = g_string_new(NULL);
    for (; name && *name; name++)
        if (g_ascii_isalnum(*name))
            g_string_append_c(simple, g_ascii_tolower(*name));
    return g_string_free(simple, FALSE);
}

gboolean uci_same_name(const char *a, const char *b)
{
    g_autofree char *x = simplify(a);
    g_autofree char *y = simplify(b);
    return *x && strcmp(x, y) == 0;
}

const UciName *uci_name_find(const char *name)
{
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (uci_same_name(names[i].slug, name) || uci_same_name(names[i].title, name))
            return &names[i];
    return NULL;
}

int uci_id_of_legacy_path(const char *path)
{
    gsize digits = strspn(path, "0123456789");
    if (digits == 5 && (path[5] == '/' || path[5] == '\0'))
        return (int)g_ascii_strtoll(path, NULL, 10);
    const UciName *best = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        const char *folder = names[i].folder;
        gsize length = folder ? strlen(folder) : 0;
        if (length == 0 || strncmp(path, folder, length) != 0 ||
            (path[length] != '/' && path[length] != '\0'))
            continue;
        if (!best || length > strlen(best->folder))
            best = &names[i];
    }
    return best ? best->id : 0;
}
